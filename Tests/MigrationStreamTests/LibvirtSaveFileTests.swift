import MigrationStream
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Save files of libvirt", .needs("gzip", "bzip2", "xz", "lzop", "zstd"))
struct LibvirtSaveFileTests {
    typealias Compression = GeneratedSaveFile.Compression

    /// What snap finds in a save file.
    private struct Contents: Equatable {
        let domain: DomainDescription
        let ram: [String: GeneratedImage]
        let kept: [UInt8]
    }

    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func read(
        _ bytes: [UInt8], keptByteCountMax: Int = 1 << 20
    ) throws -> Result<Contents, SnapError> {
        let path = try scratch.write(bytes, to: "save")
        do {
            let save = try LibvirtSaveFile(SharedFile(try File(input: path, .kernel)))
            let source = try save.stream(scratch: Directory(scratch.path, .kernel))
            let stream = try ReadStream(source, in: scratch, keptByteCountMax: keptByteCountMax)
            return .success(
                Contents(domain: save.domain, ram: try stream.ram(), kept: stream.kept))
        } catch let error as SnapError { return .failure(error) }
    }

    /// Reads a file that must be refused.
    private func error(
        of bytes: [UInt8], _ what: String, keptByteCountMax: Int = 1 << 20
    ) throws -> SnapError {
        guard case .failure(let error) = try read(bytes, keptByteCountMax: keptByteCountMax) else {
            throw Failure(what: "\(what) was read")
        }
        #expect([.inputDamaged, .unsupported].contains(error.code), "\(what): \(error)")
        #expect(error.path != nil, "\(what): \(error)")
        return error
    }

    private struct Failure: Error { let what: String }

    /// A file with a small stream, and that stream.
    private static func file(
        _ compression: Compression
    ) throws -> (save: GeneratedSaveFile, stream: GeneratedStream) {
        let form = compression == .sparse ? SmallStream.mapped : .xbzrle
        let stream = form.made(at: try GeneratedSaveFile([]).payloadOffset)
        return (try GeneratedSaveFile(stream.bytes, compression), stream)
    }

    private static func contents(
        _ save: GeneratedSaveFile, _ stream: GeneratedStream
    ) -> Contents {
        Contents(
            domain: DomainDescription(
                xml: save.xml, cookie: save.cookie, wasRunning: save.wasRunning),
            ram: stream.ram, kept: stream.bytesWithoutRAM)
    }

    // MARK: Whole files

    @Test(
        "the RAM, the device state and the description are found", arguments: Compression.allCases)
    func complete(compression: Compression) throws {
        var (save, stream) = try Self.file(compression)
        #expect(try read(save.bytes).get() == Self.contents(save, stream))
        save.cookie = []
        save.wasRunning = false
        // The offsets of a sparse file count from its start.
        save.paddingByteCount += try GeneratedSaveFile([]).payloadOffset - save.payloadOffset
        #expect(try read(save.bytes).get() == Self.contents(save, stream))
    }

    @Test("compressed data in several pieces is one stream", arguments: [Compression.gzip, .zstd])
    func pieces(compression: Compression) throws {
        var (save, stream) = try Self.file(compression)
        let middle = stream.bytes.count / 2
        save.payload =
            try GeneratedSaveFile(Array(stream.bytes[..<middle]), compression).payload
            + GeneratedSaveFile([], compression).payload
            + GeneratedSaveFile(Array(stream.bytes[middle...]), compression).payload
        #expect(try read(save.bytes).get() == Self.contents(save, stream))
        save.payload += [UInt8](repeating: 0, count: 512)
        #expect(try read(save.bytes).get() == Self.contents(save, stream))
        save.payload += [1]
        _ = try error(of: save.bytes, "a byte after the data")
    }

    @Test(
        "random streams are read", .slow, arguments: Compression.allCases.filter { $0 != .sparse })
    func random(compression: Compression) throws {
        for seed in 0..<10 {
            var generator = Seeded(UInt64(seed))
            let stream = GeneratedStream.random(&generator)
            // The offsets of a mapped stream would have to count from the file's start.
            if stream.isMapped && compression == .none { continue }
            let save = try GeneratedSaveFile(stream.bytes, compression)
            let read = try read(save.bytes, keptByteCountMax: 1 << 30).get()
            #expect(read.ram == stream.ram, "\(seed)")
            #expect(read.kept == stream.bytesWithoutRAM, "\(seed)")
        }
    }

    // MARK: Damage

    @Test("a truncated file is refused", .slow, arguments: Compression.allCases)
    func truncations(compression: Compression) throws {
        let (save, stream) = try Self.file(compression)
        let expected = Self.contents(save, stream)
        let complete = save.bytes
        // The tests of streams cut the stream itself everywhere.
        let isPlain = compression.program == nil
        let counts = isPlain ? 0..<save.payloadOffset + 1 : complete.indices
        for count in counts {
            let what = "\(compression) cut to \(count) of \(complete.count) bytes"
            switch try read(Array(complete.prefix(count))) {
            case .success(let contents):
                // The end of lzop's and bzip2's data repeats what is known before it.
                #expect(contents == expected && count > save.payloadOffset, "\(what)")
            case .failure(let error):
                #expect(error.code == .inputDamaged || count < 16, "\(what): \(error)")
                #expect(error.path != nil, "\(what): \(error)")
            }
        }
    }

    @Test("a changed byte is found, or changes no RAM", .slow, arguments: Compression.allCases)
    func flips(compression: Compression) throws {
        let (save, stream) = try Self.file(compression)
        let expected = Self.contents(save, stream)
        var generator = Seeded(UInt64(compression.rawValue))
        var refused = 0
        let isPlain = compression.program == nil
        for offset in isPlain ? 0..<save.payloadOffset : save.bytes.indices {
            for mask in [0xff, UInt8(1 << Int.random(in: 0..<8, using: &generator))] {
                var bytes = save.bytes
                bytes[offset] ^= mask
                let what = "\(compression), byte \(offset) of \(bytes.count) with bits \(mask)"
                switch try read(bytes) {
                case .success(let contents):
                    #expect(contents.ram == expected.ram, "\(what)")
                    #expect(contents.kept == expected.kept, "\(what)")
                    let isText = (92..<save.payloadOffset).contains(offset) || offset < 36
                    #expect(isText || contents == expected, "\(what)")
                case .failure(let error):
                    refused += 1
                    #expect(
                        [.inputDamaged, .unsupported].contains(error.code), "\(what): \(error)")
                    #expect(error.path != nil, "\(what): \(error)")
                }
            }
        }
        #expect(refused > 40)
    }

    @Test("an error in a stream has its offset in the file, or in the decompressed stream")
    func offsets() throws {
        let (plain, stream) = try Self.file(.none)
        let cut = stream.bytes.prefix(stream.bytes.count / 2)
        for compression in [Compression.none, .gzip, .xz] {
            let save = try GeneratedSaveFile(Array(cut), compression)
            let error = try error(of: save.bytes, "\(compression)")
            let isPlain = compression == .none
            #expect(error.offset == cut.count + (isPlain ? plain.payloadOffset : 0), "\(error)")
            let name = isPlain ? "save" : "save (decompressed)"
            #expect(error.path?.lastComponent?.string == name, "\(error)")
        }
        // Damage of the compressed data has its offset in the file: here that of the checksum.
        var (save, _) = try Self.file(.gzip)
        let checksum = save.bytes.count - 8
        save.payload[save.payload.count - 8] ^= 1
        let error = try error(of: save.bytes, "gzip")
        #expect((checksum...save.bytes.count).contains(error.offset ?? 0), "\(error)")
        #expect(error.path == scratch.file("save"), "\(error)")
    }

    @Test("a compressed stream whose page size follows the pages is named as such")
    func pageSize() throws {
        var stream = GeneratedStream()
        stream.ramStart([("ram", GeneratedImage(pageCount: 4))])
        stream.ramSection(isLast: true) { stream in
            stream.append(GeneratedStream.integer(UInt64(0x1008)) + GeneratedStream.text("ram"))
            stream.append([UInt8](repeating: 0xff, count: 8192))
        }
        stream.finish(description: Array(#"{"page_size": 8192, "devices": []}"#.utf8))
        for compression in [Compression.gzip, .lzop] {
            let save = try GeneratedSaveFile(stream.bytes, compression)
            let error = try error(of: save.bytes, "\(compression)")
            #expect(error.message.contains("page size is 8192"), "\(error)")
            #expect(error.hint?.contains("without compression") == true, "\(error)")
        }
    }

    // MARK: Bombs

    @Test(
        "data that expands to much more than a guest is cut off", .slow,
        arguments: Compression.allCases.filter { $0.program != nil })
    func bombs(compression: Compression) throws {
        let zeros = [UInt8](repeating: 0, count: 64 << 20)
        let bomb = try GeneratedSaveFile(zeros, compression)
        #expect(bomb.payload.count < zeros.count / 100)
        #expect(try error(of: bomb.bytes, "zeros").message.contains("not a QEMU stream"))
        // Device state without an end.
        let (_, stream) = try Self.file(compression)
        let after = try GeneratedSaveFile(stream.bytes + zeros, compression)
        #expect(
            try error(of: after.bytes, "zeros after the stream").message.contains("device state"))
    }

    @Test("a stream that is more than 10,000 times as long as its compressed form is cut off")
    func expansion() throws {
        /// Decompresses nothing to a stream whose RAM has no end.
        final class Endless: Decompression {
            let path: FilePath = "endless"
            private var rest: [UInt8]
            private let section: [UInt8]

            init() {
                var stream = GeneratedStream()
                stream.ramStart([("ram", GeneratedImage(pageCount: 1))])
                rest = stream.bytes
                stream.ramSection(isLast: false)
                section = Array(stream.bytes.dropFirst(rest.count))
            }

            func read(into target: inout MutableRawSpan) throws(SnapError) -> Int {
                let count = min(rest.count, target.byteCount)
                Array(rest[..<count]).withBytes { target.copy($0) }
                rest.removeFirst(count)
                if rest.isEmpty { rest = section }
                return count
            }
        }
        let source = StreamSource.compressed(Endless(), byteCount: 100)
        let error = #expect(throws: SnapError.self) { try ReadStream(source, in: scratch) }
        #expect(error?.code == .inputDamaged && error?.offset == 1_000_000)
        #expect(error?.message.contains("more than 1000000 bytes") == true, "\(error as Any)")
    }
}
