import Foundation
import GuestMemory
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Reading dirty bitmaps")
struct DirtyBitmapReadingTests {
    /// Generates a random set of pages: single pages and runs of up to 700, or none.
    private static func pages(_ pageCount: Int, _ generator: inout Seeded) -> Set<Int> {
        var pages = Set<Int>()
        for _ in 0..<Int.random(in: 0...20, using: &generator) {
            let first = Int.random(in: 0..<pageCount, using: &generator)
            let count = generator.choice([1, 1, 700])
            pages.formUnion(first..<min(first + count, pageCount))
        }
        return pages
    }

    @Test("every dirty unit is found once, with its pages", arguments: 0..<30)
    func units(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        // The longest bitmap takes several reads, each of 64 KiB or 524,288 pages.
        let pageCount = [1, 511, 512, 513, 5000, 1_200_000][seed % 6]
        let pages = Self.pages(pageCount, &generator)
        let image = GeneratedImage(pageCount: pageCount)
        let scratch = try Scratch()
        let path = try scratch.write(
            image.bitmap(pages, isPadded: Bool.random(using: &generator)), to: "bitmap")
        let block = RAMBlock(name: "", byteCount: pageCount * Page.byteCount)
        var bitmap = try DirtyBitmap(path, of: block, .kernel)
        var found: [Int] = []
        var unit = 0
        while let next = try bitmap.nextDirtyUnit(from: unit) {
            #expect(next.unit >= unit && !next.pages.isEmpty)
            found += next.pages.runs.flatMap { $0.map { next.unit * Unit.pageCount + $0 } }
            unit = next.unit + 1
        }
        #expect(found == pages.sorted(), "seed \(seed)")
        // A search can start at any unit, even before the previous one.
        for _ in 0..<20 {
            let first = Int.random(in: 0...block.unitCount, using: &generator)
            let expected = pages.map { $0 / Unit.pageCount }.filter { $0 >= first }.min()
            #expect(try bitmap.nextDirtyUnit(from: first)?.unit == expected, "from \(first)")
        }
    }

    @Test("a bitmap that becomes shorter after it is opened is damaged input")
    func shrinks() throws {
        let image = GeneratedImage(pageCount: 1_200_000)
        let scratch = try Scratch()
        let path = try scratch.write(image.bitmap([1_199_999]), to: "bitmap")
        let block = RAMBlock(name: "", byteCount: image.pageCount * Page.byteCount)
        var bitmap = try DirtyBitmap(path, of: block, .kernel)
        #expect(truncate(path.string, 100_000) == 0)
        let error = #expect(throws: SnapError.self) { _ = try bitmap.nextDirtyUnit(from: 0) }
        #expect(error?.code == .inputDamaged && error?.path == path && error?.offset == 100_000)
    }
}
