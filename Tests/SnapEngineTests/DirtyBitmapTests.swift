import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Dirty bitmaps")
struct DirtyBitmapTests {
    private static func image(_ pageCount: Int) -> GeneratedImage {
        var image = GeneratedImage(pageCount: pageCount)
        image.fillWithText(stride(from: 0, to: pageCount, by: 2))
        return image
    }

    @Test(
        "the exact and the padded length are accepted, all others are refused",
        arguments: [1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 1000, 524_288 + 3])
    func lengths(pageCount: Int) throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: pageCount)
        image.pages[0] = GeneratedImage.text(0)
        try store.save(image)
        image.pages[pageCount - 1] = GeneratedImage.text(77)
        let file = store.scratch.file("image")
        try image.write(to: file)
        let exact = image.bitmap([pageCount - 1], isPadded: false)
        let padded = image.bitmap([pageCount - 1])
        for bytes in [exact, padded] {
            let bitmap = try store.scratch.write(bytes, to: "bitmap")
            let saved = try store.save(at: file) { save in
                save.parent = .checkpoint(.number(store.guest, 1))
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
            }
            #expect(saved.pages.total == pageCount)
            #expect(saved.pages.changed == 1)
            #expect(try store.restores(saved.number, to: image))
        }
        let before = try store.list()
        for count in [0, exact.count - 1, padded.count + 1, padded.count + 8] {
            if count == exact.count || count == padded.count { continue }
            var bytes = padded + Array(repeating: 0, count: 8)
            bytes.removeLast(bytes.count - count)
            try Self.expectMismatch(bytes, file, store)
        }
        for stray in pageCount..<padded.count * 8 {
            var bytes = padded
            bytes[stray / 8] |= 1 << UInt8(stray % 8)
            try Self.expectMismatch(bytes, file, store)
        }
        #expect(try store.list() == before)
    }

    private static func expectMismatch(
        _ bytes: [UInt8], _ file: FilePath, _ store: TestStore
    ) throws {
        let bitmap = try store.scratch.write(bytes, to: "bitmap")
        let error = #expect(throws: SnapError.self) {
            try store.save(at: file) { save in
                save.parent = .checkpoint(.number(store.guest, 1))
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
            }
        }
        #expect(error?.code == .mismatch && error?.path == bitmap)
    }

    @Test("a parent that is missing or of another size is an error, not a full save")
    func parents() throws {
        let store = try TestStore()
        let image = Self.image(1000)
        try store.save(image)
        let bitmap = try store.scratch.write(image.bitmap([3]), to: "bitmap")
        let missing = #expect(throws: SnapError.self) {
            try store.save(image) { save in
                save.parent = .checkpoint(.number(store.guest, 9))
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
            }
        }
        #expect(missing?.code == .notFound)
        let longer = Self.image(1001)
        let longerBitmap = try store.scratch.write(longer.bitmap([3]), to: "longer")
        let other = #expect(throws: SnapError.self) {
            try store.save(longer) { save in
                save.parent = .checkpoint(.number(store.guest, 1))
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: longerBitmap)]
            }
        }
        #expect(other?.code == .mismatch)
        #expect(try store.list().count == 1)
    }

    @Test("clean subtrees of three levels are shared without being read", .slow)
    func deep() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 512 * 512 * 2 + 77)
        let places = [0, 511, 512, 5000, 262_143, 262_144, 300_000, image.pageCount - 1]
        image.fillWithText(places)
        try store.save(image)
        var number = 1
        let last = image.pageCount - 1
        for dirty in [[], [0], [262_143], [262_144], [last], [512, 300_000], places] {
            for page in dirty { image.pages[page]?[page % 4096] ^= 1 }
            let bitmap = try store.scratch.write(image.bitmap(Set(dirty)), to: "bitmap")
            // snap must not read clean pages, so the file differs from the image there.
            var file = image
            for page in places where !dirty.contains(page) { file.pages[page] = nil }
            for page in [1, 513, 262_145] { file.pages[page] = GeneratedImage.text(1) }
            let saved = try store.save(file, in: store.context(jobs: 1 + number % 2)) { save in
                save.parent = .checkpoint(.number(store.guest, number))
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
            }
            number = saved.number
            #expect(saved.pages.delta == dirty.count)
            #expect(saved.pages.unchanged == places.count - dirty.count)
            #expect(try store.restores(number, to: image), "\(dirty)")
        }
        let table = try store.list().map(\.storedByteCount)
        #expect(table.dropFirst().allSatisfy { $0 < 8192 }, "\(table)")
    }

    @Test("when a save evicts files, it copies clean pages from the store", .slow)
    func moving() throws {
        let store = try TestStore()
        // The bitmap is longer than the part that snap reads at a time.
        var image = GeneratedImage(pageCount: 40_000)
        image.fillWithText(0..<1500)
        image.pages[39_000] = GeneratedImage.text(39_000)
        try store.save(image)
        let file = store.scratch.file("image")
        var movedCount = 0
        for number in 2...1030 {
            let page = number == 1025 ? 39_000 : number * 7 % 1500
            image.pages[page] = GeneratedImage.text(10_000 + number)
            // All other pages of the file are holes.
            var sparse = GeneratedImage(pageCount: 40_000)
            sparse.pages[page] = image.pages[page]
            try sparse.write(to: file)
            let bitmap = try store.scratch.write(image.bitmap([page]), to: "bitmap")
            let saved = try store.save(at: file) { save in
                save.parent = .checkpoint(.number(store.guest, number - 1))
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
            }
            movedCount += saved.pages.moved
            #expect(saved.pages.changed == 1 && saved.pages.zero == 40_000 - image.pages.count)
        }
        #expect(movedCount > 0)
        #expect(try store.restores(1030, to: image))
    }
}
