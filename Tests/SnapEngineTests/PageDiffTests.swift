import CheckpointStore
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Page diff and memory map")
struct PageDiffTests {
    private static func diff(
        _ store: TestStore, _ from: Int, _ to: Int, jobs: Int = 1
    ) throws -> PageDiff.Outcome {
        try PageDiff(from: .number(store.guest, from), to: .number(store.guest, to))
            .run(in: store.path, .testing(jobs: jobs))
    }

    @Test("a diff lists exactly the pages that differ, in random histories", arguments: 0..<12)
    func histories(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let store = try TestStore()
        let sizes = [1, 2, 511, 512, 513, 1500]
        var image = GeneratedImage(pageCount: sizes[seed % sizes.count])
        var saved: [GeneratedImage] = []
        for _ in 0..<5 {
            image.edit(Int.random(in: 0...image.pageCount / 2 + 2, using: &generator), &generator)
            // Some pages return to their first content, which may then be stored in another place.
            if let old = saved.first {
                for page in 0..<min(9, image.pageCount) { image.pages[page] = old.pages[page] }
            }
            let isFull = Bool.random(using: &generator)
            try store.save(image) { if isFull { $0.parent = .none } }
            saved.append(image)
        }
        for from in saved.indices {
            for to in saved.indices {
                let jobs = [1, 8].randomElement(using: &generator) ?? 1
                let outcome = try Self.diff(store, from + 1, to + 1, jobs: jobs)
                let (old, new) = (saved[from].pages, saved[to].pages)
                let expected = (0..<image.pageCount).filter { old[$0] != new[$0] }
                let block = try #require(outcome.blocks.first)
                #expect(block.change == .compared && outcome.blocks.count == 1)
                let runs = Array(block.runs)
                #expect(runs.flatMap { Array($0) } == expected, "\(seed): \(from) to \(to)")
                #expect(zip(runs, runs.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
                #expect(block.changedCount == expected.count)
                #expect(block.clearedCount == expected.count { new[$0] == nil })
                #expect(block.filledCount == expected.count { old[$0] == nil })
            }
        }
    }

    @Test("a diff finds changed pages below three levels of mostly shared tables")
    func deep() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 512 * 512 * 2 + 77)
        image.fillWithText([0, 511, 512, 262_143, 262_144, 300_000, image.pageCount - 1])
        try store.save(image)
        image.pages[262_144] = nil
        image.pages[262_145] = GeneratedImage.text(1)
        image.pages[image.pageCount - 1] = GeneratedImage.text(2)
        try store.save(image)
        let block = try #require(try Self.diff(store, 1, 2).blocks.first)
        #expect(Array(block.runs) == [262_144..<262_146, image.pageCount - 1..<image.pageCount])
        #expect(block.units.map(\.index) == [512, 1024])
    }

    @Test("pages of two guests are compared by content, and blocks matched by name and length")
    func guests() throws {
        let store = try TestStore()
        let other = try TestStore(in: store, guest: "other")
        var image = GeneratedImage(pageCount: 700)
        image.fillWithText(0..<650)
        try store.save(image)
        image.pages[640] = GeneratedImage.text(9000)
        image.pages[3] = nil
        try other.save(image)
        let diff = PageDiff(from: .number(store.guest, 1), to: .number(other.guest, 1))
        let block = try #require(try diff.run(in: store.path, .testing()).blocks.first)
        #expect(Array(block.runs) == [3..<4, 640..<641])
        try store.save(GeneratedImage(pageCount: 3))
        let grown = try Self.diff(store, 1, 2)
        #expect(grown.blocks.map(\.change) == [.added, .removed])
        #expect(grown.blocks.map(\.ram.pageCount) == [3, 700])
    }

    @Test("a map counts each page once, in its cell", arguments: [1, 7, 64, 100_000])
    func map(cellCountMax: Int) throws {
        var generator = Seeded(11)
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 1500)
        var checkpoints: [Checkpoint] = []
        for _ in 0..<3 {
            image.edit(300, &generator)
            checkpoints.append(try store.save(image))
            let map = try Map(
                .number(store.guest, checkpoints.count), cellCountMax: cellCountMax
            ).run(in: store.path, .testing(jobs: 2))
            let counts = try #require(checkpoints.last).pages
            #expect(map.counts[.zero] == counts.zero && map.counts[.delta] == counts.delta)
            #expect(map.counts[.unchanged] == counts.unchanged)
            #expect(map.counts[.stored] == counts.literal + counts.duplicate)
            let block = try #require(map.blocks.first)
            #expect(block.cells.count <= cellCountMax)
            for (index, cell) in block.cells.enumerated() {
                let first = index * block.pagesPerCell
                let pages = first..<min(first + block.pagesPerCell, image.pageCount)
                #expect(cell.total == pages.count)
                #expect(cell[.zero] == pages.count { image.pages[$0] == nil })
            }
        }
    }

    @Test("progress reaches the total at the end of each phase")
    func progress() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 1500)
        image.fillWithText(0..<1100)
        let progress = WorkProgress()
        #expect(progress.state == nil)
        try store.save(image, in: .testing(progress: progress))
        #expect(progress.state?.phase == .saving)
        #expect(progress.state?.doneCount == 1500 * 4096)
        #expect(progress.state?.totalCount == 1500 * 4096)
        _ = try store.restore(1, in: .testing(progress: progress))
        #expect(progress.state?.phase == .restoring)
        #expect(progress.state?.doneCount == progress.state?.totalCount)
        _ = try Verify().run(in: store.path, .testing(progress: progress))
        #expect(progress.state?.phase == .verifying)
        #expect(progress.state?.doneCount == progress.state?.totalCount)
    }
}
