import Foundation
import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import TestSupport
import Testing

/// The result of reading a stream.
struct ReadStream {
    let content: StreamContent
    let images: [MemoryImage]
    /// The kept bytes of the stream.
    let kept: [UInt8]

    /// Reads a stream.
    ///
    /// - Parameters:
    ///   - bytes: The stream.
    ///   - stagesRAM: Whether the reader stages the pages; otherwise it keeps them like all other
    ///     bytes.
    ///   - scratch: The directory for the stream's file and the scratch files.
    ///   - isPiped: Whether the reader reads the stream from a pipe.
    ///   - keptByteCountMax: The limit on kept bytes.
    /// - Throws: A `SnapError` if the reader refuses the stream.
    init(
        _ bytes: [UInt8], stagesRAM: Bool = true, in scratch: Scratch, isPiped: Bool = false,
        keptByteCountMax: Int = StreamReader.defaultKeptByteCountMax
    ) throws {
        let source =
            isPiped
            ? try Self.pipe(bytes)
            : SharedFile(try File(input: try scratch.write(bytes, to: "s"), .kernel))
        try self.init(
            try StreamSource(source), stagesRAM: stagesRAM, in: scratch,
            keptByteCountMax: keptByteCountMax)
    }

    /// Reads a stream from any source.
    ///
    /// - Parameters:
    ///   - source: The source of the bytes.
    ///   - stagesRAM: Whether the reader stages the pages.
    ///   - scratch: The directory for the scratch files.
    ///   - keptByteCountMax: The limit on kept bytes.
    /// - Throws: A `SnapError` if the reader refuses the stream.
    init(
        _ source: StreamSource, stagesRAM: Bool = true, in scratch: Scratch,
        keptByteCountMax: Int = StreamReader.defaultKeptByteCountMax
    ) throws {
        (content, images) = try StreamReader(
            source, scratch: Directory(scratch.path, .kernel), stagesRAM: stagesRAM,
            keptByteCountMax: keptByteCountMax
        ).read()
        let file = content.bytes
        kept = try file.file.read(byteCount: try file.file.status().byteCount, at: 0)
    }

    /// Returns the reading end of a pipe, into which a thread writes the bytes.
    private static func pipe(_ bytes: [UInt8]) throws -> SharedFile {
        let (reading, writing) = try Pipe.create("pipe", .kernel)
        // The reader closes the pipe early if it refuses the stream.
        signal(SIGPIPE, SIG_IGN)
        Thread.detachNewThread {
            try? bytes.withBytes { (bytes) throws(SnapError) in try writing.file.append(bytes) }
        }
        return reading
    }

    /// The elements of the stream, in the form of `GeneratedStream`.
    var listing: [GeneratedStream.Element] {
        content.elements.map { element in
            let kind: GeneratedStream.Kind =
                switch element.kind {
                case .framing: .framing
                case .ramStart: .ramStart
                case .device: .device
                case .ram:
                    // The first byte of a kept section shows whether it is the last.
                    element.range.isEmpty || kept[element.range.lowerBound] == 3
                        ? .ramEnd : .ramPart
                }
            return GeneratedStream.Element(
                kind: kind, name: element.name, instanceID: element.instanceID,
                versionID: element.versionID, sectionID: element.sectionID, range: element.range,
                state: element.state)
        }
    }

    /// Whether the elements are consecutive and cover all kept bytes.
    var hasNoGaps: Bool {
        var end = 0
        for element in content.elements {
            guard element.range.lowerBound == end else { return false }
            end = element.range.upperBound
        }
        return end == kept.count
    }

    /// Returns the stream's bytes without the stray bytes after its end.
    func withoutStrayBytes(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes.dropLast(content.strayByteCount))
    }

    /// Reads the content of the staged RAM blocks, by name.
    func ram() throws -> [String: GeneratedImage] {
        var ram: [String: GeneratedImage] = [:]
        for image in images {
            var made = GeneratedImage(pageCount: image.ram.pageCount)
            var buffer = [UInt8](repeating: 0, count: 4096)
            for page in 0..<made.pageCount {
                try buffer.withMutableBytes { (bytes) throws(SnapError) in
                    try image.read(into: &bytes, at: page * 4096)
                }
                if buffer.contains(where: { $0 != 0 }) { made.pages[page] = buffer }
            }
            ram[image.ram.name] = made
        }
        return ram
    }

    /// Expects the result to match the stream that was read.
    func check(_ made: GeneratedStream, stagesRAM: Bool = true, _ what: String) throws {
        #expect(kept == (stagesRAM ? made.bytesWithoutRAM : made.bytes), "\(what)")
        #expect(listing == made.listing(keepingRAM: !stagesRAM), "\(what)")
        #expect(hasNoGaps, "\(what)")
        #expect(content.blocks.map(\.name) == made.blockNames, "\(what)")
        #expect(
            content.blocks.map(\.pageCount) == made.blockNames.map { made.ram[$0]?.pageCount },
            "\(what)")
        if stagesRAM {
            #expect(images.map(\.ram) == content.blocks, "\(what)")
            #expect(try ram() == made.ram, "\(what)")
        } else {
            #expect(images.isEmpty, "\(what)")
        }
    }
}

/// The result of reading some bytes: a stream, or the error with which the reader refuses them.
enum ReadOutcome {
    case read(ReadStream)
    case refused(SnapError)

    init(
        _ bytes: [UInt8], stagesRAM: Bool = true, in scratch: Scratch, isPiped: Bool = false
    ) throws {
        do {
            self = .read(
                try ReadStream(bytes, stagesRAM: stagesRAM, in: scratch, isPiped: isPiped))
        } catch let error as SnapError { self = .refused(error) }
    }

    var stream: ReadStream? { if case .read(let stream) = self { stream } else { nil } }
    var error: SnapError? { if case .refused(let error) = self { error } else { nil } }
}
