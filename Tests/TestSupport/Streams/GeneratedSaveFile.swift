import Foundation

/// A save file of libvirt that a test makes.
package struct GeneratedSaveFile: Sendable {
    /// How libvirt stores the stream; the raw values are those of the header.
    package enum Compression: UInt32, CaseIterable, Sendable {
        case none = 0
        case gzip = 1
        case bzip2 = 2
        case xz = 3
        case lzop = 4
        case zstd = 5
        case sparse = 6

        /// The program that compresses a stream; nil if it is stored as it is.
        package var program: String? {
            switch self {
            case .none, .sparse: nil
            case .gzip, .bzip2, .xz, .lzop, .zstd: "\(self)"
            }
        }
    }

    /// The domain's XML.
    package var xml = Array("<domain type='qemu'><name>web1</name></domain>\n".utf8)
    /// The cookie; empty without one.
    package var cookie = Array("<qemu><cpu/></qemu>\n".utf8)
    /// Whether the domain was running.
    package var wasRunning = true
    /// How the stream is stored.
    package var compression = Compression.none
    /// The number of zeros after the XML and the cookie.
    package var paddingByteCount = 32
    /// What follows the header and the description: the stream as it is stored.
    package var payload: [UInt8]

    /// Creates a file.
    ///
    /// - Parameters:
    ///   - stream: The stream, without compression.
    ///   - compression: How the stream is stored.
    package init(_ stream: [UInt8], _ compression: Compression = .none) throws {
        self.compression = compression
        payload = try compression.program.map { try Self.output(of: $0, stream) } ?? stream
    }

    /// The offset of the payload in bytes.
    package var payloadOffset: Int { head.count }

    /// The complete file.
    package var bytes: [UInt8] { head + payload }

    /// Everything before the payload.
    private var head: [UInt8] {
        let hasCookie = !cookie.isEmpty
        let description =
            xml + [0] + (hasCookie ? cookie + [0] : [])
            + [UInt8](repeating: 0, count: paddingByteCount)
        let fields = [
            2, UInt32(description.count), wasRunning ? 1 : 0, compression.rawValue,
            hasCookie ? UInt32(xml.count + 1) : 0,
        ]
        return Array("LibvirtQemudSave".utf8)
            + fields.flatMap { field in (0..<4).map { UInt8(field >> (8 * $0) & 0xff) } }
            + [UInt8](repeating: 0, count: 56) + description
    }

    /// Runs a compressor on some bytes and returns its output.
    private static func output(of program: String, _ bytes: [UInt8]) throws -> [UInt8] {
        let scratch = try Scratch()
        let input = URL(fileURLWithPath: try scratch.write(bytes, to: "input").string)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program, "-c"]
        let pipe = Pipe()
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Array(output)
    }
}
