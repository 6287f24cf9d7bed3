import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import TestSupport
import Testing

@Suite("Duplicates and digests")
struct DuplicateTests {
    @Test("equal pages of a save are stored once, within a unit and across units")
    func once() throws {
        let store = try TestStore()
        var generator = Seeded(1)
        let noise = GeneratedImage.noise(&generator)
        var image = GeneratedImage(pageCount: 512 * 4)
        for page in stride(from: 3, to: image.pageCount, by: 7) { image.pages[page] = noise }
        let first = try store.save(image, in: store.context(jobs: 8))
        #expect(first.pages.literal == 1)
        #expect(first.pages.duplicate == image.pages.count - 1)
        #expect(first.storedByteCount < 16_000)
        #expect(try store.restores(1, to: image))
        // A page is a duplicate only of a page that this save stores, not of the parent's pages.
        image.pages[4] = noise
        image.pages[5] = noise
        let second = try store.save(image)
        #expect(second.pages.literal == 1 && second.pages.duplicate == 1)
        #expect(try store.restores(2, to: image))
    }

    /// Makes two different pages with the same digest, which is possible only with the key.
    ///
    /// XXH3 XORs each 8 bytes with the secret, and adds the product of the two halves to a lane. If
    /// one half is zero, the other half does not change the product. XXH3 also adds the bytes
    /// themselves to a lane; the opposite change 64 bytes later cancels that difference.
    static func collision(_ key: DigestKey) -> (first: [UInt8], second: [UInt8]) {
        var first = [UInt8](repeating: 7, count: 4096)
        for stripe in [2, 3] {
            let lane = stripe * 64 + 8
            let secret = stripe * 8 + 8
            for index in 0..<4 { first[lane + index] = key.bytes[secret + index] }
            for index in 4..<8 { first[lane + index] = 50 }
        }
        var second = first
        second[2 * 64 + 8 + 5] += 1
        second[3 * 64 + 8 + 5] -= 1
        return (first, second)
    }

    private static func key(of store: TestStore) throws -> DigestKey {
        try GuestFiles(of: store.guest, in: Directory(store.guestPath, .kernel))
            .savevm(.savevm(1))
            .checkpoint.digestKey
    }

    @Test("different pages with the same digest are not stored as duplicates")
    func collidingDuplicates() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 2000)
        image.pages[0] = GeneratedImage.text(0)
        try store.save(image)
        let key = try Self.key(of: store)
        let (first, second) = Self.collision(key)
        #expect(first != second)
        #expect(
            first.withBytes { key.digest(of: $0) } == second.withBytes { key.digest(of: $0) })
        for (page, content) in [(1, first), (2, second), (700, second), (701, first)] {
            image.pages[page] = content
        }
        let saved = try store.save(image)
        #expect(saved.pages.duplicate == 1 && saved.pages.literal == 3)
        #expect(try store.restores(2, to: image))
    }

    @Test("--compare-bytes detects a changed page with the same digest as the parent's page")
    func collidingParent() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 20)
        image.pages[0] = GeneratedImage.text(0)
        try store.save(image)
        let (first, second) = Self.collision(try Self.key(of: store))
        image.pages[5] = first
        try store.save(image)
        image.pages[5] = second
        let compared = try store.save(image) { $0.pageOptions.comparesBytes = true }
        #expect(compared.pages.delta == 1 && compared.pages.unchanged == 1)
        #expect(try store.restores(3, to: image))
        // Deltas between such pages are correct in both directions.
        image.pages[5] = first
        image.pages[5]?[4000] = 1
        try store.save(image)
        #expect(try store.restores(4, to: image))
        image.pages[5] = first
        #expect(try store.save(image).pages.delta == 1)
        #expect(try store.restores(5, to: image))
    }
}
