import GuestMemory
import SnapEngine
import SnapSystem
import TestSupport
import Testing

/// Images with long holes, of which a save skips many units at a time.
@Suite("Images that are mostly holes")
struct SparseImageTests {
    /// Expects the page counts that follow from an image and its parent's image.
    private static func expectCounts(
        _ saved: Checkpoint, of image: GeneratedImage, after parent: GeneratedImage?, _ what: String
    ) {
        let becameZero = parent?.pages.keys.count { image.pages[$0] == nil } ?? 0
        #expect(saved.pages.total == image.pageCount, "\(what)")
        #expect(saved.pages.zero == image.pageCount - image.pages.count, "\(what)")
        #expect(saved.pages.becameZero == becameZero, "\(what)")
    }

    @Test("a sparse image of 2 TiB is saved quickly, and its pages are counted")
    func huge() throws {
        let store = try TestStore()
        let pageCount = 1 << 29 + 3
        var image = GeneratedImage(pageCount: pageCount)
        for page in [0, 511, 512, 262_143, 262_144 + 9, 1 << 27 + 1, 1 << 28, pageCount - 1] {
            image.pages[page] = GeneratedImage.text(page)
        }
        var parent: GeneratedImage?
        for removed in [[], [], [512, 1 << 28, pageCount - 1], [0, 511], Array(image.pages.keys)] {
            for page in removed { image.pages[page] = nil }
            let saved = try store.save(image)
            Self.expectCounts(saved, of: image, after: parent, "without \(removed)")
            #expect(saved.pages.literal == (parent == nil ? image.pages.count : 0))
            #expect(saved.pages.unchanged == (parent == nil ? 0 : image.pages.count))
            parent = image
        }
        #expect(try Verify().run(in: store.path, store.context()).isIntact)
    }

    @Test("random sparse images restore unchanged", .slow, arguments: 0..<12)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let store = try TestStore()
        let pageCount = Int.random(in: 1...24 * 512, using: &generator)
        var image = GeneratedImage(pageCount: pageCount)
        var parent: GeneratedImage?
        for round in 1...5 {
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                let first = Int.random(in: 0..<pageCount, using: &generator)
                let count = Int.random(in: 1...1500, using: &generator)
                let isZero = Bool.random(using: &generator)
                for page in first..<min(first + count, pageCount) {
                    image.pages[page] = isZero ? nil : GeneratedImage.text(page * 7 + round)
                }
            }
            let saved = try store.save(image, in: store.context(jobs: 1 + seed % 3))
            Self.expectCounts(saved, of: image, after: parent, "seed \(seed), round \(round)")
            #expect(try store.restores(round, to: image), "seed \(seed), round \(round)")
            parent = image
        }
    }
}
