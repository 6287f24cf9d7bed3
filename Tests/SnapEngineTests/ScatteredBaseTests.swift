import GuestMemory
import TestSupport
import Testing

/// Pages whose bases are scattered over many clusters.
@Suite("Scattered bases")
struct ScatteredBaseTests {
    /// More than the number of pages in a cluster of literal pages.
    private static let pagesPerCluster = 16
    /// The number of whole clusters of 48 KiB in two units.
    private static let clustersPerTwoUnits = 85

    /// Copies a page and changes one byte of it.
    private static func changed(_ page: [UInt8]?) -> [UInt8] {
        var page = page ?? GeneratedImage.text(0)
        page[100] ^= 0x55
        return page
    }

    @Test(
        "decoding the bases of a unit is limited to the bytes of two units",
        arguments: [64, 85, 512])
    func bounded(clusterCount: Int) throws {
        let store = try TestStore()
        let first = 512 * Self.pagesPerCluster
        var image = GeneratedImage(pageCount: first + 512)
        for page in 0..<first { image.pages[page] = GeneratedImage.text(page) }
        // Each of these pages repeats a page of a different cluster.
        let repeated = (0..<clusterCount).map { first + $0 }
        for (index, page) in repeated.enumerated() {
            image.pages[page] = image.pages[index * Self.pagesPerCluster]
        }
        let full = try store.save(image)
        // Depending on the store's key, a save may miss a few duplicates. It stores them together
        // in their own unit.
        let missedCount = clusterCount - full.pages.duplicate
        #expect((0..<16).contains(missedCount))
        for page in repeated { image.pages[page] = Self.changed(image.pages[page]) }
        let saved = try store.save(image)
        #expect(saved.pages.delta >= min(clusterCount, Self.clustersPerTwoUnits))
        // Of a cluster, only the part up to the base is decoded: on average about half.
        #expect(saved.pages.delta < 3 * Self.clustersPerTwoUnits)
        #expect(saved.pages.delta + saved.pages.literal == clusterCount)
        #expect(try store.restores(2, to: image))
    }
}
