import SnapSystem
import TestSupport
import Testing

/// Tests of targets whose page size is not 4 KiB: small Arm boards, sparc64, alpha.
@Suite("Page sizes of targets")
struct PageSizeTests {
    /// Returns a stream of one block, and its RAM.
    ///
    /// Only the description contains the page size, which is `describedSize` if that is not nil.
    private static func stream(
        _ size: Int, isZero: Bool = false, describedSize: Int? = nil
    ) -> (stream: [UInt8], ram: [UInt8]) {
        let count = 65536 * 2 / size
        var bytes = GeneratedStream().bytes
        bytes += [0x01, 0, 0, 0, 2] + GeneratedStream.text("ram") + [0, 0, 0, 0, 0, 0, 0, 4]
        bytes +=
            GeneratedStream.integer(UInt64(count * size) | 4) + GeneratedStream.text("board.ram")
        bytes +=
            GeneratedStream.integer(UInt64(count * size)) + GeneratedStream.integer(0x10 as UInt64)
        bytes += [0x7e, 0, 0, 0, 2, 0x03, 0, 0, 0, 2]
        var ram: [UInt8] = []
        for page in 0..<count {
            let same: UInt64 = page == 0 ? 0 : 0x20
            let isData = !isZero && page % 3 != 1
            bytes += GeneratedStream.integer(UInt64(page * size) | (isData ? 8 : 2) | same)
            if page == 0 { bytes += GeneratedStream.text("board.ram") }
            let content = (0..<size).map { index in
                isData ? UInt8(truncatingIfNeeded: page + index / 7 + 1) : 0
            }
            bytes += isData ? content : [0]
            ram += content
        }
        bytes += GeneratedStream.integer(0x10 as UInt64) + [0x7e, 0, 0, 0, 2, 0]
        let json = Array(#"{"page_size": \#(describedSize ?? size), "devices": []}"#.utf8)
        return (bytes + [0x06] + GeneratedStream.integer(UInt32(json.count)) + json, ram)
    }

    @Test(
        "other page sizes are read from a file, and named in the error from a pipe",
        arguments: [
            1024, 2048, 4096, 8192, 65536,
        ])
    func sizes(size: Int) throws {
        let (stream, ram) = Self.stream(size)
        let scratch = try Scratch()
        let read = try ReadStream(stream, in: scratch)
        #expect(try read.ram()["board.ram"]?.bytes == ram)
        #expect(read.content.unsentRuns == [[]])
        let piped = try ReadOutcome(stream, in: scratch, isPiped: true)
        if size == 4096 {
            #expect(try piped.stream?.ram()["board.ram"]?.bytes == ram)
        } else {
            #expect(piped.error?.code == .unsupported, "\(piped)")
            #expect(piped.error?.message.contains("\(size)") == true, "\(piped)")
        }
    }

    @Test("a page size is named in the error even if only zero pages were sent")
    func zeros() throws {
        let outcome = try ReadOutcome(
            Self.stream(8192, isZero: true).stream, in: try Scratch(), isPiped: true)
        #expect(outcome.error?.code == .unsupported)
        #expect(outcome.error?.message.contains("8192") == true)
    }

    @Test("page sizes that no target has are refused", arguments: [0, 512, 3000, 1 << 20])
    func impossible(size: Int) throws {
        let (stream, _) = Self.stream(4096, describedSize: size)
        let outcome = try ReadOutcome(stream, in: try Scratch())
        #expect(outcome.error?.code == .unsupported, "\(outcome)")
    }
}
