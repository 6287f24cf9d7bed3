import SnapSystem
import TestSupport
import Testing

/// Tests of streams in a longer place, such as a volume or a file that was not truncated.
@Suite("Bytes after a stream's end")
struct StrayBytesTests {
    @Test(
        "bytes after a stream's end are counted and not kept",
        arguments: SmallStream.allCases.filter { $0.made().hasFooters })
    func stray(form: SmallStream) throws {
        let made = form.made()
        let scratch = try Scratch()
        let older = SmallStream.plain.made().bytes
        // A stream without a description would get that of an older stream after it.
        let tails = [[9], [0, 0, 9], GeneratedImage.text(4), Array(older.dropFirst(200))]
        for tail in tails.dropLast(form == .undescribed ? 1 : 0) {
            for isPiped in [false, true] where form.hasRAM || !isPiped {
                let outcome = try ReadOutcome(
                    made.bytes + tail, stagesRAM: form.hasRAM, in: scratch, isPiped: isPiped)
                let what = "\(form), \(tail.count) bytes, piped: \(isPiped)"
                if form == .early {
                    // A guest could have planted a description that is followed by other bytes.
                    #expect(outcome.error?.code == .unsupported, "\(what): \(outcome)")
                    continue
                }
                let read = try #require(outcome.stream, "\(what): \(outcome)")
                // Zeros at the end of the stream itself also count as stray bytes.
                let zeros = made.bytes.reversed().prefix { $0 == 0 }.count
                let end = form == .undescribed ? 0 : zeros
                #expect(read.content.strayByteCount == tail.count + end, "\(what)")
                if form.hasRAM { #expect(try read.ram() == made.ram, "\(what)") }
            }
        }
    }

    @Test("a mapped stream is read regardless of the offset at which it started")
    func mappedOrigin() throws {
        var configuration = GeneratedStream.Configuration()
        configuration.capabilities = ["mapped-ram"]
        let scratch = try Scratch()
        for origin in [0, 4096, 65536, 1 << 20, (1 << 20) + 92 + 512] {
            var bytes = GeneratedStream(configuration).bytes
            bytes += [0x01, 0, 0, 0, 2] + GeneratedStream.text("ram") + [0, 0, 0, 0, 0, 0, 0, 4]
            bytes += GeneratedStream.integer(0x5004 as UInt64)
            var ram: [String: [UInt8]] = [:]
            for (name, pages) in [("a", [0, 2]), ("b", [1])] as [(String, [Int])] {
                let count = name == "a" ? 3 : 2
                bytes += GeneratedStream.text(name) + GeneratedStream.integer(UInt64(count * 4096))
                let bitmap = origin + bytes.count + 28
                let first = ((bitmap + 8 + (1 << 20) - 1) >> 20) << 20
                bytes +=
                    GeneratedStream.integer(1 as UInt32) + GeneratedStream.integer(4096 as UInt64)
                bytes +=
                    GeneratedStream.integer(UInt64(bitmap)) + GeneratedStream.integer(UInt64(first))
                bytes += [pages.reduce(UInt8(0)) { $0 | 1 << UInt8($1) }, 0, 0, 0, 0, 0, 0, 0]
                bytes += [UInt8](repeating: 0, count: first - origin - bytes.count)
                var content: [UInt8] = []
                for page in 0..<count {
                    // A clear bit means a zero page, regardless of the bytes at its offset.
                    bytes += GeneratedImage.text(page)
                    content +=
                        pages.contains(page)
                        ? GeneratedImage.text(page) : [UInt8](repeating: 0, count: 4096)
                }
                ram[name] = content
            }
            bytes += GeneratedStream.integer(0x10 as UInt64) + [0x7e, 0, 0, 0, 2, 0x03, 0, 0, 0, 2]
            bytes += GeneratedStream.integer(0x10 as UInt64) + [0x7e, 0, 0, 0, 2, 0]
            let read = try ReadStream(bytes, in: scratch, isPiped: origin > 0)
            #expect(try read.ram().mapValues(\.bytes) == ram, "\(origin)")
        }
    }
}
