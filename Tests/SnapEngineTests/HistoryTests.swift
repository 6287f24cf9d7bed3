import GuestMemory
import SnapEngine
import SnapSystem
import TestSupport
import Testing
import WorkPipeline

@Suite("Long random histories")
struct HistoryTests {
    /// Makes fifty checkpoints, at random with edits, moves and zeroing of pages, returns to older
    /// checkpoints, bitmaps that mark clean pages as dirty, and deletions.
    @Test(
        "the remaining checkpoints of a history of fifty restore unchanged", .slow, arguments: 0..<8
    )
    func fifty(seed: Int) throws {
        var generator = Seeded(UInt64(seed) + 100)
        let store = try TestStore()
        var image = GeneratedImage(pageCount: [600, 1030, 513, 2000][seed % 4])
        image.edit(image.pageCount, &generator)
        var saved: [Int: GeneratedImage] = [:]
        var kinds = PageCounts()
        for _ in 0..<50 {
            let numbers = saved.keys.sorted()
            if Int.random(in: 0..<8, using: &generator) == 0,
                let older = numbers.randomElement(using: &generator)
            {
                image = saved[older] ?? image
            }
            let old = numbers.suffix(3).randomElement(using: &generator)
            image.edit(Int.random(in: 0...40, using: &generator), &generator)
            let checkpoint = try save(image, parent: old, saved, store, &generator)
            kinds.add(checkpoint.pages)
            #expect(checkpoint.pages.total == image.pageCount)
            #expect(checkpoint.pages.zero == image.pageCount - image.pages.count)
            if let parent = checkpoint.parentNumber, let theirs = saved[parent] {
                #expect(
                    checkpoint.pages.changed == image.differing(from: theirs).count,
                    "seed \(seed), \(checkpoint.number)")
            }
            saved[checkpoint.number] = image
            if saved.count > 5, Int.random(in: 0..<4, using: &generator) == 0,
                let victim = saved.keys.sorted().randomElement(using: &generator)
            {
                _ = try Delete([.number(store.guest, victim)])
                    .run(in: store.path, .testing(store.calls, warn: { Issue.record("\($0)") }))
                saved[victim] = nil
            }
        }
        #expect(kinds.delta > 50 && kinds.duplicate > 20 && kinds.literal > 100, "\(kinds)")
        #expect(try store.list().map(\.number) == saved.keys.sorted())
        for (number, image) in saved {
            #expect(
                try store.restores(number, to: image, jobs: 1 + number % 3),
                "seed \(seed), \(number)")
        }
    }

    private func save(
        _ image: GeneratedImage, parent: Int?, _ saved: [Int: GeneratedImage], _ store: TestStore,
        _ generator: inout Seeded
    ) throws -> Checkpoint {
        let kind = Int.random(in: 0..<4, using: &generator)
        let comparesBytes = Int.random(in: 0..<4, using: &generator) == 0
        var dirty: Set<Int> = []
        if let parent, let theirs = saved[parent] {
            dirty = image.differing(from: theirs)
            for _ in 0..<5 { dirty.insert(.random(in: 0..<image.pageCount, using: &generator)) }
        }
        let bitmap = try store.scratch.write(image.bitmap(dirty), to: "bitmap")
        // snap must not read a page whose bit is clean, so the file differs from the image there.
        var file = image
        if kind == 0, let parent, saved[parent] != nil {
            for page in 0..<image.pageCount where !dirty.contains(page) {
                file.pages[page] = page % 2 == 0 ? GeneratedImage.text(5000 + page) : nil
            }
        }
        return try store.save(file, in: store.context(jobs: 1 + kind)) { save in
            save.pageOptions.comparesBytes = comparesBytes
            guard let parent, kind < 2 else { return }
            save.parent = .checkpoint(.number(store.guest, parent))
            if kind == 0 {
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
            }
        }
    }
}
