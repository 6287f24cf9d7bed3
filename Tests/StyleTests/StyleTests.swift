import Foundation
import Testing

/// The house rules that a compiler does not check.
@Suite("Style")
struct StyleTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The parts from the bottom up, and what each may import of the others.
    private static let parts: [String: Set<String>] = [
        "SnapSystem": ["CLinux"],
        "GuestMemory": ["SnapSystem"],
        "Codecs": ["GuestMemory", "SnapSystem", "CZlib", "CISAL", "CDeflate"],
        "SavevmFormat": ["Codecs", "GuestMemory", "SnapSystem", "CXXHash"],
        "CheckpointIndex": ["GuestMemory", "SnapSystem"],
        "MigrationStream": ["Codecs", "GuestMemory", "SnapSystem"],
        "QEMUMonitor": ["GuestMemory", "SnapSystem"],
        "SnapEngine": [
            "CheckpointIndex", "SavevmFormat", "MigrationStream", "QEMUMonitor", "Codecs",
            "GuestMemory", "SnapSystem",
        ],
        "snap": ["SnapEngine", "MigrationStream", "GuestMemory", "SnapSystem"],
    ]

    /// The files that may hold unsafe code: system calls, memory, codecs, hashes, integers.
    private static let unsafeFiles: Set<String> = [
        "SnapSystem/Calls/SystemCalls.swift", "SnapSystem/Calls/SystemCalls+Sockets.swift",
        "SnapSystem/Interruption.swift",
        "SnapSystem/MemoryBuffer.swift", "SnapSystem/Timestamp.swift", "GuestMemory/Page.swift",
        "Codecs/Deflater.swift", "Codecs/Delta.swift", "Codecs/Inflater.swift",
        "Codecs/ISALDeflater.swift", "Codecs/ZlibDeflater.swift",
        "MigrationStream/Read/StreamInput.swift", "SavevmFormat/Bytes/ByteReader.swift",
        "SavevmFormat/Bytes/Hash128.swift", "SnapSystem/DescriptorLimit.swift",
        "SnapSystem/EnvironmentVariable.swift", "snap/EntryPoint.swift",
    ]

    private static func sources() throws -> [(name: String, lines: [String])] {
        let sources = root.appendingPathComponent("Sources")
        let names = try FileManager.default.subpathsOfDirectory(atPath: sources.path)
            .filter { $0.hasSuffix(".swift") }.sorted()
        return try names.map { name in
            let text = try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
            return (name, text.components(separatedBy: "\n"))
        }
    }

    @Test("arrows between the parts point down")
    func imports() throws {
        var importCount = 0
        var declaredCount = 0
        for (name, lines) in try Self.sources() {
            let part = String(name.prefix { $0 != "/" })
            let allowed = try #require(Self.parts[part], "\(name) is in no part")
            for line in lines {
                // `import X`, `public import X`, `package import X`.
                let words = line.split(separator: " ").prefix(3)
                guard let place = words.firstIndex(of: "import"), place < 2,
                    words.count == place + 2
                else { continue }
                let module = String(words[place + 1])
                let isPart = Self.parts.keys.contains(module) || module.hasPrefix("C")
                guard isPart else { continue }
                #expect(allowed.contains(module), "\(name): \(line)")
                importCount += 1
                if place == 1 { declaredCount += 1 }
            }
        }
        #expect(importCount > 50 && declaredCount > 20)
    }

    @Test("unsafe code is where it is allowed, and nowhere else")
    func unsafeCode() throws {
        var found: Set<String> = []
        for (name, lines) in try Self.sources() {
            let code = lines.map { $0.components(separatedBy: "//")[0] }
            if code.contains(where: {
                $0.range(of: "\\bunsafe\\b", options: .regularExpression) != nil
            }) {
                found.insert(name)
            }
        }
        #expect(found == Self.unsafeFiles)
    }

    @Test("no trap waits for input, no check of the compiler is switched off")
    func banned() throws {
        let tokens = [
            "try!", "as!", "fatalError", "nonisolated(unsafe)", "@unchecked", "unsafeBitCast",
            "@preconcurrency", "swiftlint", "TODO", "FIXME", "XXX:",
        ]
        for (name, lines) in try Self.sources() {
            for (index, line) in lines.enumerated() {
                for token in tokens where line.contains(token) {
                    Issue.record("\(name):\(index + 1): \(token)")
                }
            }
        }
    }

    @Test("lines are at most 100 characters, files one idea long")
    func lengths() throws {
        for (name, lines) in try Self.sources() {
            #expect(lines.count <= 400, "\(name) has \(lines.count) lines")
            for (index, line) in lines.enumerated() where line.count > 100 {
                Issue.record("\(name):\(index + 1) has \(line.count) characters")
            }
        }
    }
}
