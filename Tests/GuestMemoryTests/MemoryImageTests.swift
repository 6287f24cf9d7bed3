import Foundation
import GuestMemory
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Memory images")
struct MemoryImageTests {
    /// Reads a range of an image's bytes.
    private static func read(
        _ image: MemoryImage, _ range: Range<Int>
    ) throws(SnapError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: range.count)
        try bytes.withMutableBytes { (target) throws(SnapError) in
            try image.read(into: &target, at: range.lowerBound)
        }
        return bytes
    }

    /// Generates an image with random runs of data, and the numbers of pages to write even if they
    /// are zero.
    private static func random(_ generator: inout Seeded) -> (GeneratedImage, zeros: [Int]) {
        var image = GeneratedImage(pageCount: Int.random(in: 1...1500, using: &generator))
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let first = Int.random(in: 0..<image.pageCount, using: &generator)
            let count = Int.random(in: 1...200, using: &generator)
            image.fillWithText(first..<min(first + count, image.pageCount))
        }
        return (image, (0..<5).map { _ in Int.random(in: 0..<image.pageCount, using: &generator) })
    }

    /// Finds the data runs of an image, in steps of the given number of bytes.
    private static func runs(of image: MemoryImage, step: Int) -> [Range<Int>] {
        var cursor = DataCursor()
        return stride(from: 0, to: image.ram.byteCount, by: step).flatMap { start in
            image.dataRuns(advancing: &cursor, to: min(start + step, image.ram.byteCount))
        }
    }

    @Test(
        "everything outside the data runs is zero, for any step of the search",
        arguments: 0..<30)
    func dataRuns(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let (made, zeros) = Self.random(&generator)
        let scratch = try Scratch()
        try made.write(to: scratch.file("image"), explicitZeros: zeros)
        let refusals: FaultPlan.Refusals = seed % 3 == 0 ? .dataSearch : []
        let image = try MemoryImage(
            raw: scratch.file("image"), SystemCalls(faults: FaultPlan(refusing: refusals)))
        let allRuns = Self.runs(of: image, step: image.ram.byteCount)
        var data = Set<Int>()
        for run in allRuns {
            #expect(run.lowerBound % 4096 == 0 && run.upperBound % 4096 == 0 && !run.isEmpty)
            #expect(run.upperBound <= image.ram.byteCount)
            data.formUnion(run.lowerBound / 4096..<run.upperBound / 4096)
        }
        #expect(zip(allRuns, allRuns.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
        #expect(data.isSuperset(of: made.pages.keys), "seed \(seed)")
        for step in [4096, 3 * 4096, Unit.byteCount] {
            let pages = Self.runs(of: image, step: step).flatMap {
                Array($0.lowerBound / 4096..<$0.upperBound / 4096)
            }
            #expect(pages == data.sorted(), "seed \(seed), \(step)")
        }
        #expect(try Self.read(image, 0..<image.ram.byteCount) == made.bytes)
    }

    @Test(
        "the next data is the first byte at or after the cursor that is in a data run",
        arguments: 0..<10)
    func nextData(seed: Int) throws {
        var generator = Seeded(100 + UInt64(seed))
        let (made, zeros) = Self.random(&generator)
        let scratch = try Scratch()
        try made.write(to: scratch.file("image"), explicitZeros: zeros)
        let image = try MemoryImage(raw: scratch.file("image"), .kernel)
        let runs = Self.runs(of: image, step: image.ram.byteCount)
        for page in 0..<made.pageCount {
            let place = page * 4096
            let expected = runs.first { $0.upperBound > place }.map { max($0.lowerBound, place) }
            var cursor = DataCursor()
            cursor.skip(to: place)
            #expect(image.nextData(from: &cursor) == expected ?? image.ram.byteCount)
        }
    }

    @Test("an image that is part of a file has only the data runs of that part")
    func parts() throws {
        var made = GeneratedImage(pageCount: 40)
        made.fillWithText([9, 10, 19, 20, 29, 30])
        let scratch = try Scratch()
        let path = scratch.file("image")
        try made.write(to: path)
        let file = SharedFile(try File(input: path, .kernel))
        let given = [0..<2, 9..<11, 19..<21, 29..<31].map {
            $0.lowerBound * 4096..<$0.upperBound * 4096
        }
        for known in [.nothing, .fileSystems, .runs(given)] as [MemoryImage.KnownData] {
            let image = MemoryImage(
                RAMBlock(name: "r", byteCount: 20 * 4096), in: file, at: 10 * 4096,
                fileByteCount: 40 * 4096, knownData: known
            ).named("s")
            #expect(image.ram.name == "s" && image.ram.byteCount == 20 * 4096)
            let pages = Self.runs(of: image, step: 20 * 4096).flatMap {
                Array($0.lowerBound / 4096..<$0.upperBound / 4096)
            }
            if case .nothing = known {
                #expect(pages == Array(0..<20))
            } else {
                #expect(pages == [0, 9, 10, 19])
            }
            #expect(
                try Self.read(image, 0..<20 * 4096)
                    == Array(made.bytes[10 * 4096..<30 * 4096]))
        }
    }

    @Test("an image whose length is not a positive multiple of a page is refused")
    func lengths() throws {
        let scratch = try Scratch()
        for count in [0, 1, 4095, 4097] {
            let path = try scratch.write([UInt8](repeating: 0, count: count), to: "image")
            let error = #expect(throws: SnapError.self) { _ = try MemoryImage(raw: path, .kernel) }
            #expect(error?.code == .mismatch && error?.path == path, "\(count)")
        }
    }

    @Test("an image that becomes shorter or longer after it is opened is damaged input")
    func shrinks() throws {
        let scratch = try Scratch()
        var made = GeneratedImage(pageCount: 100)
        made.fillWithText(0..<100)
        try made.write(to: scratch.file("image"))
        let path = scratch.file("image")
        let image = try MemoryImage(raw: path, .kernel)
        try image.checkLength()
        #expect(truncate(path.string, 50 * 4096 + 1) == 0)
        // The remaining part of the file can be read.
        #expect(try Self.read(image, 0..<50 * 4096).count == 50 * 4096)
        for range in [49 * 4096..<51 * 4096, 50 * 4096..<51 * 4096, 99 * 4096..<100 * 4096] {
            let error = #expect(throws: SnapError.self) { _ = try Self.read(image, range) }
            #expect(error?.code == .inputDamaged && error?.path == path, "\(range)")
        }
        for length in [50 * 4096 + 1, 101 * 4096] {
            #expect(truncate(path.string, length) == 0)
            let error = #expect(throws: SnapError.self) { try image.checkLength() }
            #expect(error?.code == .inputDamaged, "\(length)")
        }
    }
}
