import GuestMemory
import SnapSystem
import TestSupport
import Testing

@Suite("Pages and sets of pages")
struct PageTests {
    @Test("a page is zero only if each of its bytes is 0")
    func zero() {
        var page = [UInt8](repeating: 0, count: Page.byteCount)
        #expect(page.withBytes { Page.isZero($0) })
        for index in page.indices {
            page[index] = UInt8(1 << (index % 8))
            #expect(!page.withBytes { Page.isZero($0) }, "byte \(index)")
            page[index] = 0
        }
    }

    @Test("a page set behaves like a set of page numbers", arguments: 0..<20)
    func pageSet(seed: Int) {
        var generator = Seeded(UInt64(seed))
        var pages = PageSet()
        var expected = Set<Int>()
        for _ in 0..<[1, 10, 600, 3000][seed % 4] {
            let page = Int.random(in: 0..<Unit.pageCount, using: &generator)
            if Int.random(in: 0..<3, using: &generator) == 0 {
                pages.remove(page)
                expected.remove(page)
            } else {
                pages.insert(page)
                expected.insert(page)
            }
            #expect(pages.count == expected.count && pages.isEmpty == expected.isEmpty)
        }
        for page in 0..<Unit.pageCount {
            #expect(pages.contains(page) == expected.contains(page), "page \(page)")
        }
        #expect(pages.runs == .runs(of: expected.sorted()))
        #expect(pages.runs.flatMap { Array($0) } == expected.sorted())
    }

    @Test("the first pages of a unit are one run", arguments: [0, 1, 63, 64, 65, 511, 512])
    func first(pageCount: Int) {
        let pages = PageSet(first: pageCount)
        #expect(pages.count == pageCount)
        #expect(pages.runs == (pageCount == 0 ? [] : [0..<pageCount]))
    }
}

@Suite("Runs, searches and sums")
struct ArithmeticTests {
    @Test("runs are maximal and contain exactly the given numbers", arguments: 0..<20)
    func runs(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let numbers = (0..<200).filter { _ in Bool.random(using: &generator) }
        let runs: [Range<Int>] = .runs(of: numbers)
        #expect(runs.flatMap { Array($0) } == numbers)
        #expect(zip(runs, runs.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
    }

    @Test("a binary search finds what a linear search finds")
    func search() {
        for count in 0..<20 {
            let numbers = Array(0..<count)
            for first in 0...count {
                #expect(numbers.partitionIndex { $0 >= first } == first)
            }
        }
    }

    @Test("sums and products that overflow are clamped to the largest integer")
    func clamped() {
        #expect(Int.max.addingClamped(1) == .max && (Int.max - 1).addingClamped(1) == .max)
        #expect(3.addingClamped(4) == 7)
        #expect((1 << 32).multipliedClamped(by: 1 << 31) == .max)
        #expect((1 << 31).multipliedClamped(by: 1 << 31) == 1 << 62)
        #expect(Int.max.multipliedClamped(by: 0) == 0)
    }
}
