import Foundation
import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import TestSupport
import Testing

/// What the reader made of a stream.
struct ReadStream {
    let content: StreamContent
    let images: [MemoryImage]
    /// The bytes that were kept.
    let kept: [UInt8]

    /// Reads a stream.
    ///
    /// - Parameters:
    ///   - bytes: The stream.
    ///   - stagesRAM: Whether its pages are staged, or kept like all else.
    ///   - scratch: Where its file and scratch files are.
    ///   - isPiped: Whether it comes through a pipe.
    init(
        _ bytes: [UInt8], stagesRAM: Bool = true, in scratch: Scratch, isPiped: Bool = false,
        keptByteCountMax: Int = StreamReader.usualKeptByteCountMax
    ) throws {
        let source =
            isPiped
            ? try Self.pipe(bytes)
            : SharedFile(try File(input: try scratch.write(bytes, to: "s"), .kernel))
        (content, images) = try StreamReader(
            source, scratch: Directory(scratch.path, .kernel), stagesRAM: stagesRAM,
            keptByteCountMax: keptByteCountMax
        ).read()
        let file = content.bytes
        kept = try file.file.read(byteCount: try file.file.status().byteCount, at: 0)
    }

    /// A pipe that gives bytes.
    private static func pipe(_ bytes: [UInt8]) throws -> SharedFile {
        let (reading, writing) = try Pipe.make("pipe", .kernel)
        // A stream that is refused is not read to its end.
        signal(SIGPIPE, SIG_IGN)
        Thread.detachNewThread {
            try? bytes.withBytes { (bytes) throws(SnapError) in try writing.file.append(bytes) }
        }
        return reading
    }

    /// Its elements as the test's own stream has them.
    var listing: [MadeUpStream.Element] {
        content.elements.map { element in
            let kind: MadeUpStream.Kind =
                switch element.kind {
                case .framing: .framing
                case .ramStart: .ramStart
                case .device: .device
                case .ram:
                    // Kept sections say themselves whether they are the last.
                    element.range.isEmpty || kept[element.range.lowerBound] == 3
                        ? .ramEnd : .ramPart
                }
            return MadeUpStream.Element(
                kind: kind, name: element.name, instanceID: element.instanceID,
                versionID: element.versionID, sectionID: element.sectionID, range: element.range,
                state: element.state)
        }
    }

    /// Whether its elements are one after the other and all of what was kept.
    var hasNoGaps: Bool {
        var end = 0
        for element in content.elements {
            guard element.range.lowerBound == end else { return false }
            end = element.range.upperBound
        }
        return end == kept.count
    }

    /// The stream without what follows its end.
    func wanted(of bytes: [UInt8]) -> [UInt8] { Array(bytes.dropLast(content.strayByteCount)) }

    /// What its RAM blocks hold, by name.
    func ram() throws -> [String: MadeUpImage] {
        var ram: [String: MadeUpImage] = [:]
        for image in images {
            var made = MadeUpImage(pageCount: image.ram.pageCount)
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

    /// Checks that it is what the test's own stream says.
    func check(_ made: MadeUpStream, stagesRAM: Bool = true, _ what: String) throws {
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

/// What becomes of some bytes.
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
