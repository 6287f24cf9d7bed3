import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

@Suite("Files, pipes and memory")
struct FileTests {
    @Test("cleared bytes read as zeros, and all other bytes stay unchanged", arguments: 0..<20)
    func clear(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let scratch = try Scratch()
        let refusals: FaultPlan.Refusals = seed % 2 == 0 ? .holes : []
        let calls = SystemCalls(faults: FaultPlan(refusing: refusals))
        var expected = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7 + 1) }
        try scratch.write(expected, to: "file")
        let file = try File(updating: "file", in: Directory(scratch.path, calls))
        for _ in 0..<5 {
            let start = Int.random(in: 0..<expected.count, using: &generator)
            let end = min(expected.count, start + Int.random(in: 0...150_000, using: &generator))
            if start == end { continue }
            try file.clear(start..<end)
            expected.replaceSubrange(start..<end, with: [UInt8](repeating: 0, count: end - start))
            #expect(try bytes(of: scratch.file("file")) == expected, "seed \(seed)")
        }
    }

    @Test("cleared bytes take no space if the file system supports holes")
    func holes() throws {
        let scratch = try Scratch()
        try scratch.write([UInt8](repeating: 1, count: 1 << 20), to: "file")
        let file = try File(updating: "file", in: Directory(scratch.path, .kernel))
        try file.clear(0..<1 << 19)
        var status = stat()
        #expect(stat(scratch.file("file").string, &status) == 0)
        #expect(status.st_blocks * 512 <= 1 << 19 && status.st_size == 1 << 20)
        #expect(file.nextData(from: 0) == 1 << 19 && file.nextHole(from: 0) == 0)
        #expect(file.data(from: 5) == 1 << 19..<1 << 20)
        #expect(file.data(from: 1 << 20) == nil)
    }

    @Test("reads stop at the end of the file, and writes extend it", arguments: [false, true])
    func readAndWrite(isShort: Bool) throws {
        let scratch = try Scratch()
        // Each call in turn transfers only half of its bytes. The result must be the same.
        for call in 0..<(isShort ? 12 : 1) {
            let plan = FaultPlan(at: isShort ? call : nil, .short)
            let directory = Directory(scratch.path, SystemCalls(faults: plan))
            let file = try File(creatingIfAbsent: "file\(call)", in: directory)
            try file.write(Array(1...200), at: 100)
            try file.append([9, 9])
            #expect(try file.status().byteCount == 300)
            #expect(try file.read(byteCount: 1000, at: 98) == [0, 0] + Array(1...200))
            #expect(try file.read(byteCount: 3, at: 0) == [9, 9, 0])
            #expect(try file.read(byteCount: 10, at: 300) == [])
            try file.setLength(101)
            #expect(try file.read(byteCount: 10, at: 99) == [0, 1])
        }
    }

    @Test("a pipe returns all written bytes, then its end")
    func pipe() throws {
        let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
        var ends: (reading: SharedFile, writing: SharedFile)? = try Pipe.create("pipe", .kernel)
        let reading = try #require(ends).reading
        Thread.detachNewThread { [writing = ends!.writing] in
            #expect(throws: Never.self) { try writing.file.append(content) }
        }
        ends = nil
        var found: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 50_000)
        while true {
            let count = try buffer.withMutableBytes { (target) throws(SnapError) in
                try reading.file.readNext(into: &target, until: .now + .seconds(20))
            }
            if count == 0 { break }
            found += buffer.prefix(count)
        }
        #expect(found == content)
    }

    @Test("reading from an empty pipe fails at the deadline")
    func silentPipe() throws {
        let ends = try Pipe.create("pipe", .kernel)
        var buffer = [UInt8](repeating: 0, count: 10)
        let start = ContinuousClock.now
        let error = #expect(throws: SnapError.self) {
            try buffer.withMutableBytes { (target) throws(SnapError) in
                _ = try ends.reading.file.readNext(into: &target, until: start + .milliseconds(50))
            }
        }
        #expect(error?.code == .inputOutput && error?.path == "pipe")
        #expect(ContinuousClock.now - start < .seconds(10))
        _ = ends.writing
    }

    @Test("bytes are moved within a buffer even if the ranges overlap", arguments: 0..<20)
    func buffer(seed: Int) {
        var generator = Seeded(UInt64(seed))
        var buffer = MemoryBuffer(byteCount: 300)
        var expected = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        buffer.copy(expected.span.bytes, to: 0)
        for _ in 0..<20 {
            let count = Int.random(in: 0...150, using: &generator)
            let source = Int.random(in: 0...300 - count, using: &generator)
            let target = Int.random(in: 0...300 - count, using: &generator)
            buffer.move(source..<source + count, to: target)
            let moved = Array(expected[source..<source + count])
            expected.replaceSubrange(target..<target + count, with: moved)
        }
        #expect(buffer.withBytes(0..<300) { $0.bytes } == expected)
    }
}

@Suite("Timestamps")
struct TimestampTests {
    @Test("a printed time is parsed as the same time, also in local time", arguments: 0..<50)
    func roundTrip(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let range = Timestamp.range
        let time = Timestamp(
            secondsSinceEpoch: .random(
                in: range.lowerBound.secondsSinceEpoch...range.upperBound.secondsSinceEpoch,
                using: &generator))
        #expect(Timestamp(time.rfc3339) == time)
        #expect(time.rfc3339.utf8.count == 20)
        // When clocks are set back by an hour, two times have the same local text.
        let local = Timestamp(time.local.replacingOccurrences(of: " ", with: "T"))
        #expect(local?.local == time.local)
    }

    @Test("the limits are the first and the last second that RFC 3339 can express")
    func limits() {
        #expect(Timestamp.range.lowerBound.rfc3339.hasSuffix("-01-01T00:00:00Z"))
        #expect(Timestamp.range.upperBound.rfc3339 == "9999-12-31T23:59:59Z")
        #expect(Timestamp("2026-11-20T10:00Z") == Timestamp("2026-11-20T10:00:00Z"))
        #expect(Timestamp("1970-01-01T00:00:00Z")?.secondsSinceEpoch == 0)
        #expect(Timestamp("2024-02-29T23:59:59Z")?.secondsSinceEpoch == 1_709_251_199)
    }

    @Test("texts that are not a valid time are refused")
    func malformed() {
        for text in [
            "", "Z", "T", "2026-11-20", "2026-11-20T", "2026-11-20T10", "2026-11-20T10:0Z",
            "2026-11-20T10:00ZZ", "2026-11-20t10:00Z", "2026-11-20T10:00:00:00Z",
            "2026-00-10T00:00Z", "2026-13-10T00:00Z", "2026-02-30T00:00Z", "2023-02-29T00:00Z",
            "2026-11-20T24:00Z", "2026-11-20T23:60Z", "2026-11-20T23:59:60Z", "+026-11-20T10:00Z",
            "2026-11-20T-1:00Z", "२०२६-11-20T10:00Z", "2026-1-020T10:00Z", "2026/11/20T10:00Z",
        ] {
            #expect(Timestamp(text) == nil, "\(text)")
        }
    }
}
