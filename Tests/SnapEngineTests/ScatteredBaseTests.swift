import GuestMemory
import TestSupport
import Testing

/// Pages whose bases lie all over the guest.
@Suite("Scattered bases")
struct ScatteredBaseTests {
    /// Pages in a cluster of literal ones.
    private static let pagesPerCluster = 16

    /// A page with another byte.
    private static func changed(_ page: [UInt8]?) -> [UInt8] {
        var page = page ?? MadeUpImage.text(0)
        page[100] ^= 0x55
        return page
    }

    @Test("cost as much as twice what a unit holds, and no more", arguments: [64, 65, 512])
    func bounded(clusterCount: Int) throws {
        let store = try TestStore()
        let first = 512 * Self.pagesPerCluster
        var image = MadeUpImage(pageCount: first + 512)
        for page in 0..<first { image.pages[page] = MadeUpImage.text(page) }
        // Each repeats a page of another cluster.
        let repeated = (0..<clusterCount).map { first + $0 }
        for (index, page) in repeated.enumerated() {
            image.pages[page] = image.pages[index * Self.pagesPerCluster]
        }
        let full = try store.save(image)
        // A few may go unfound, whatever the store's key is: they lie together in their own unit.
        let missedCount = clusterCount - full.pages.duplicate
        #expect((0..<16).contains(missedCount))
        for page in repeated { image.pages[page] = Self.changed(image.pages[page]) }
        let saved = try store.save(image)
        let least = min(clusterCount, 64)
        #expect((least...min(clusterCount, 64 + missedCount)).contains(saved.pages.delta))
        #expect(saved.pages.delta + saved.pages.literal == clusterCount)
        #expect(try store.restores(2, to: image))
    }
}
