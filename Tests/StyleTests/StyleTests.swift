import Foundation
import Testing

/// The style rules that the compiler does not check.
@Suite("Style")
struct StyleTests {
    /// The files that may contain unsafe code: system calls, memory, codecs, hashes, integers.
    private static let unsafeFiles: Set<String> = [
        "SnapSystem/Calls/SystemCalls.swift", "SnapSystem/Calls/SystemCalls+Names.swift",
        "SnapSystem/Calls/SystemCalls+Sockets.swift",
        "SnapSystem/Calls/SystemCalls+Processes.swift", "CheckpointIndex/UntrustedDatabase.swift",
        "CheckpointIndex/Watchdog.swift",
        "SnapSystem/Interruption.swift",
        "SnapSystem/GlobPattern.swift", "SnapSystem/MemoryBuffer.swift",
        "SnapSystem/Timestamp.swift", "GuestMemory/Page.swift",
        "Codecs/Compressor.swift", "Codecs/Delta.swift", "Codecs/Zlib/ISALDeflater.swift",
        "Codecs/Zlib/ISALInflater.swift", "Codecs/Zlib/ZlibDeflater.swift",
        "Codecs/Zlib/GzipDecoder.swift", "Codecs/Zstd/ZstdDecoder.swift",
        "Codecs/Zstd/ZstdCompressor.swift", "Codecs/Zstd/ZstdDecompressor.swift",
        "MigrationStream/Read/PageInflater.swift",
        "MigrationStream/Read/StreamInput.swift", "SavevmFormat/Bytes/ByteReader.swift",
        "SavevmFormat/Bytes/DigestKey.swift", "SavevmFormat/Bytes/Hash128.swift",
        "SnapSystem/DescriptorLimit.swift", "SnapSystem/DetachedThread.swift",
        "SnapSystem/Processes/ProcessSecrecy.swift",
        "SnapSystem/EnvironmentVariable.swift",
        "Libvirt/LibvirtConnection.swift", "Libvirt/LibvirtDomain.swift",
        "Libvirt/LibvirtError.swift", "Libvirt/LibvirtLibrary.swift",
        "snap/EntryPoint.swift",
    ]

    /// The files without a type: this one defines the function that the linker uses as main.
    private static let filesWithoutType: Set<String> = ["snap/EntryPoint.swift"]

    @Test("a target imports only its dependencies, which are above it in Package.swift")
    func imports() throws {
        let parts = try PackageParts().inPackage
        var above: Set<String> = []
        for part in parts {
            #expect(part.imports.isSubset(of: above), "\(part.name) in Package.swift")
            above.insert(part.name)
        }
        var importCount = 0
        var levels: Set<String> = []
        for file in try SourceFile.all() {
            let part = try #require(parts.first { $0.name == file.target }, "\(file.name)")
            for (level, module) in file.imports where above.contains(module) {
                #expect(part.imports.contains(module), "\(file.name) imports \(module)")
                importCount += 1
                levels.insert(level)
            }
        }
        #expect(importCount > 400 && levels.isSuperset(of: ["", "package"]))
    }

    @Test("CONTRIBUTING's table lists the targets of Package.swift in reverse order")
    func table() throws {
        let parts = try PackageParts()
        let own =
            parts.inPackage.filter { !$0.name.hasPrefix("C") || $0.name.count > 12 }
            + parts.inPackage.filter { $0.name == "Codecs" }
        #expect(Set(parts.inTable.map(\.name)) == Set(own.map(\.name)))
        for row in parts.inTable {
            let part = try #require(own.first { $0.name == row.name })
            let imports = part.imports.filter { name in own.contains { $0.name == name } }
            #expect(row.imports == imports, "\(row.name)")
        }
        // The targets that a row imports are below it.
        for (index, row) in parts.inTable.enumerated() {
            let below = Set(parts.inTable[(index + 1)...].map(\.name))
            #expect(row.imports.isSubset(of: below), "\(row.name)")
        }
    }

    @Test("exactly one file of each part starts with the part's name and overview")
    func heads() throws {
        for (target, files) in Dictionary(grouping: try SourceFile.all(), by: \.target) {
            #expect(
                files.count { $0.lines.first == "// \(target)" } == 1,
                "\(target) does not have exactly one file that starts with // \(target)")
        }
    }

    @Test("a file declares one type, and has its name; Type+Topic.swift extends Type")
    func names() throws {
        for file in try SourceFile.all() where !Self.filesWithoutType.contains(file.name) {
            let parts = file.baseName.components(separatedBy: "+")
            if parts.count == 2 {
                #expect(file.types.isEmpty, "\(file.name) declares \(file.types)")
                #expect(file.extended.contains(parts[0]), "\(file.name) does not extend its type")
            } else {
                #expect(file.types == [file.baseName], "\(file.name) declares \(file.types)")
            }
        }
    }

    /// The files that may open or stat a path that the user gives, or a path in /proc.
    ///
    /// All other files open names in a `Directory`.
    private static let pathFiles: Set<String> = [
        "GuestMemory/Images/DirtyBitmap.swift", "GuestMemory/Images/MemoryImage.swift",
        "LiveGuest/MemoryFileAccess.swift", "SnapEngine/Restore/DeviceStateOutput.swift",
        "SnapEngine/Restore/DomainExport.swift",
        "SnapEngine/Save/Input/InputFiles.swift", "SnapSystem/Files/Directory.swift",
        "SnapSystem/Files/LockHolders.swift", "SnapSystem/Files/PendingFile.swift",
        "SnapSystem/Processes/ProcessIdentity.swift",
        "SnapSystem/Processes/ProcessIdentity+OpenFiles.swift",
    ]

    @Test("only the listed files open paths, and only SnapSystem/Calls makes system calls")
    func paths() throws {
        let files = try SourceFile.all()
        let paths = files.filter { file in
            file.code.contains { $0.contains("File(input:") || $0.contains("FileStatus(of:") }
        }
        #expect(Set(paths.map(\.name)) == Self.pathFiles)
        // Functions that would open or delete a path without `SystemCalls`.
        let calls = [
            "Glibc.open", "fopen(", "opendir(", "FileManager", "contentsOfFile", "unlink(",
        ]
        for file in files where !file.name.hasPrefix("SnapSystem/Calls/") {
            for call in calls {
                #expect(!file.code.contains { $0.contains(call) }, "\(file.name): \(call)")
            }
        }
    }

    @Test("only the listed files contain unsafe code")
    func unsafeCode() throws {
        let found = try SourceFile.all().filter { file in
            file.code.contains { $0.contains(/\bunsafe\b/) }
        }
        #expect(Set(found.map(\.name)) == Self.unsafeFiles)
    }

    @Test("sources contain no deliberate traps, disabled checks or open tasks")
    func banned() throws {
        let tokens = [
            "try!", "as!", "fatalError", "nonisolated(unsafe)", "@unchecked", "unsafeBitCast",
            "@preconcurrency", "swiftlint", "TODO", "FIXME", "XXX:",
            "\\\\(",  // an escaped interpolation, which shows its source instead of its value
        ]
        for file in try SourceFile.all() {
            for (index, line) in file.lines.enumerated() {
                for token in tokens where line.contains(token) {
                    Issue.record("\(file.name):\(index + 1): \(token)")
                }
            }
        }
    }

    @Test("functions that other targets call document what they return and throw")
    func documentation() throws {
        var exportedCount = 0
        for file in try SourceFile.all() {
            for function in file.functions
            where function.isExported && function.name.hasPrefix("func") {
                exportedCount += 1
                for (effect, field) in [("->", "- Returns:"), ("throws", "- Throws:")]
                where function.effects.contains(effect) {
                    #expect(
                        function.documentation.contains { $0.contains(field) },
                        "\(file.name):\(function.line): \(function.name) has no \(field)")
                }
            }
        }
        #expect(exportedCount > 250)
    }

    @Test("words are plain: no phrase of the list in PlainWords is used")
    func words() throws {
        let (findings, fileCount) = try PlainWords.search()
        for finding in findings {
            Issue.record(
                "\(finding.file):\(finding.line): \(finding.phrase) (\(finding.replacement))")
        }
        #expect(fileCount > 450)
    }

    @Test("lines have at most 100 characters, files 400 lines, functions 60")
    func lengths() throws {
        var functionCount = 0
        for file in try SourceFile.all() {
            #expect(file.lines.count <= 400, "\(file.name) has \(file.lines.count) lines")
            for (index, line) in file.lines.enumerated() where line.count > 100 {
                Issue.record("\(file.name):\(index + 1) has \(line.count) characters")
            }
            for function in file.functions {
                functionCount += 1
                #expect(
                    function.lineCount <= 60,
                    "\(file.name):\(function.line): \(function.name) has \(function.lineCount) lines"
                )
            }
        }
        #expect(functionCount > 900)
    }

    @Test("no parameter list has more than two parameters without a label")
    func labels() throws {
        var unlabelledCount = 0
        for file in try SourceFile.all() {
            for function in file.functions {
                unlabelledCount += function.unlabelledCount
                #expect(
                    function.unlabelledCount <= 2,
                    "\(file.name):\(function.line): \(function.name)")
            }
        }
        #expect(unlabelledCount > 400)
    }
}
