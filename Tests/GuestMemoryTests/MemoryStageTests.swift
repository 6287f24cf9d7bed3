import GuestMemory
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Guest memory that arrives page by page")
struct MemoryStageTests {
    private static func contents(_ image: MemoryImage) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: image.ram.byteCount)
        try bytes.withMutableBytes { (target) throws(SnapError) in
            try image.read(into: &target, at: 0)
        }
        return bytes
    }

    /// Generates the content of a page: zeros, zeros except for one byte, or ascending numbers.
    private static func content(_ byteCount: Int, _ generator: inout Seeded) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: break
        case 1: bytes[.random(in: 0..<byteCount, using: &generator)] = 1
        default: for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index + 1) }
        }
        return bytes
    }

    @Test("the bytes written last are read, before and after finishing", arguments: 0..<40)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let scratch = try Scratch()
        let pageByteCount = [1024, 4096, 4096, 65536][seed % 4]
        let refusals: FaultPlan.Refusals = seed % 5 == 0 ? .namelessFiles : []
        var stage = try MemoryStage(
            in: Directory(scratch.path, SystemCalls(faults: FaultPlan(refusing: refusals))))
        var expected: [[UInt8]] = []
        for number in 0..<Int.random(in: 1...3, using: &generator) {
            let count = 65536 * Int.random(in: 1...(number == 0 ? 40 : 3), using: &generator)
            try stage.add(RAMBlock(name: "\(number)", byteCount: count))
            expected.append([UInt8](repeating: 0, count: count))
        }
        for _ in 0..<400 {
            let block = Int.random(in: 0..<expected.count, using: &generator)
            let pageCount = expected[block].count / pageByteCount
            let page = Int.random(in: 0..<pageCount, using: &generator)
            // Often change several consecutive pages.
            let run = min(pageCount - page, generator.choice([1, 1, 5, 40]))
            let action = Int.random(in: 0..<6, using: &generator)
            for page in page..<page + run {
                let place = page * pageByteCount..<(page + 1) * pageByteCount
                switch action {
                case 0:
                    try stage.clear(byteCount: place.count, block: block, at: place.lowerBound)
                    expected[block].replaceSubrange(
                        place, with: [UInt8](repeating: 0, count: place.count))
                case 1:
                    var bytes = [UInt8](repeating: 0xee, count: place.count)
                    try bytes.withMutableBytes { (target) throws(SnapError) in
                        try stage.read(into: &target, block: block, at: place.lowerBound)
                    }
                    #expect(bytes == Array(expected[block][place]), "seed \(seed)")
                default:
                    let bytes = Self.content(place.count, &generator)
                    try bytes.withBytes { (bytes) throws(SnapError) in
                        try stage.write(bytes, block: block, at: place.lowerBound)
                    }
                    expected[block].replaceSubrange(place, with: bytes)
                }
            }
        }
        let images = try stage.finish()
        #expect(images.map(\.ram.name) == expected.indices.map { "\($0)" })
        for (image, expected) in zip(images, expected) {
            #expect(try Self.contents(image) == expected, "seed \(seed)")
            var cursor = DataCursor()
            let runs = image.dataRuns(advancing: &cursor, to: expected.count)
            let data = Set(runs.flatMap { $0.lowerBound / 4096..<$0.upperBound / 4096 })
            for page in 0..<expected.count / 4096 where !data.contains(page) {
                #expect(expected[Page.bytes(page)].allSatisfy { $0 == 0 }, "page \(page)")
            }
        }
        // The scratch file has no name.
        #expect(try names(in: scratch.path).isEmpty)
    }

    @Test("a zero page that replaces no written page is not data")
    func zeros() throws {
        let scratch = try Scratch()
        var stage = try MemoryStage(in: Directory(scratch.path, .kernel))
        try stage.add(RAMBlock(name: "", byteCount: 1000 * 4096))
        let zeros = [UInt8](repeating: 0, count: 4096)
        for page in stride(from: 0, to: 1000, by: 2) {
            try zeros.withBytes { (zeros) throws(SnapError) in
                try stage.write(zeros, block: 0, at: page * 4096)
            }
            try stage.clear(byteCount: 4096, block: 0, at: (page + 1) * 4096)
        }
        let text = GeneratedImage.text(1)
        try text.withBytes { (text) throws(SnapError) in
            try stage.write(text, block: 0, at: 500 * 4096)
        }
        let image = try stage.finish()[0]
        var cursor = DataCursor()
        #expect(
            image.dataRuns(advancing: &cursor, to: 1000 * 4096) == [500 * 4096..<501 * 4096])
    }

    @Test("a failed write is reported, at the latest when the stage is finished")
    func failures() throws {
        var failedCount = 0
        for call in 0..<40 {
            let scratch = try Scratch()
            let plan = FaultPlan(at: call, .fail(.noSpace))
            do {
                var stage = try MemoryStage(
                    in: Directory(scratch.path, SystemCalls(faults: plan)))
                try stage.add(RAMBlock(name: "", byteCount: 64 << 20))
                for unit in 0..<32 {
                    let text = GeneratedImage.text(unit)
                    try text.withBytes { (text) throws(SnapError) in
                        try stage.write(text, block: 0, at: unit * Unit.byteCount)
                    }
                }
                let image = try stage.finish()[0]
                // No call failed, or the failure made no difference.
                for unit in 0..<32 {
                    var bytes = [UInt8](repeating: 0, count: 4096)
                    try bytes.withMutableBytes { (target) throws(SnapError) in
                        try image.read(into: &target, at: unit * Unit.byteCount)
                    }
                    #expect(bytes == GeneratedImage.text(unit), "call \(call)")
                }
            } catch {
                #expect(error.code == .inputOutput, "call \(call): \(error)")
                failedCount += 1
            }
        }
        #expect(failedCount > 30)
    }
}
