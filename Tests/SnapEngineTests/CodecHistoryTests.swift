import CheckpointStore
import Codecs
import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// Histories whose checkpoints have different codecs.
@Suite("Codecs in a history")
struct CodecHistoryTests {
    /// The offset in a header of the flag for zstd clusters.
    private static let flagOffset = 12

    private static func save(
        _ image: GeneratedImage, _ store: TestStore, _ codec: CheckpointCodec
    ) throws -> Checkpoint {
        let state = try store.writeDeviceState(7)
        return try store.save(image) { save in
            save.pageOptions.compression = Compression(codec)
            save.deviceStates = [state]
        }
    }

    @Test("only the files of a checkpoint with zstd have the flag, and the index has the codec")
    func flags() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 1200)
        image.fillWithText(0..<1100)
        let codecs: [CheckpointCodec] = [.zlib, .zstd, .zlib, .zstd]
        for (index, codec) in codecs.enumerated() {
            image.pages[index] = GeneratedImage.text(5000 + index)
            let checkpoint = try Self.save(image, store, codec)
            #expect(checkpoint.codec == codec)
            for kind in ["savevm", "devstate"] {
                let header = try bytes(
                    of: store.guestPath.appending("000000000\(index + 1).\(kind)"))
                #expect(header[Self.flagOffset] & 1 == (codec == .zstd ? 1 : 0), "\(kind)")
            }
        }
        #expect(try store.list().map(\.codec) == codecs)
        _ = try Reindex().run(in: store.path, store.context())
        #expect(try store.list().map(\.codec) == codecs)
        #expect(try store.restores(4, to: image))
    }

    @Test("a checkpoint shares pages with a parent of another codec", arguments: 0..<2)
    func sharing(first: Int) throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 1200)
        image.fillWithText(0..<1100)
        var images = [image]
        let full = try Self.save(image, store, CheckpointCodec.allCases[first])
        for index in 1...6 {
            // A page that is replaced, and one that changes by a byte.
            image.pages[index] = GeneratedImage.text(5000 + index)
            image.pages[100 + index]?[index] ^= 0xff
            images.append(image)
            let next = try Self.save(image, store, CheckpointCodec.allCases[(first + index) % 2])
            #expect(next.pages.literal == 1 && next.pages.delta == 1)
            #expect(next.storedByteCount * 10 < full.storedByteCount)
        }
        for (index, image) in images.enumerated() {
            #expect(try store.restores(index + 1, to: image))
        }
    }

    @Test("space of deleted checkpoints is freed with either codec, and all restore exactly")
    func rewriting() throws {
        let store = try TestStore()
        var generator = Seeded(11)
        var image = GeneratedImage(pageCount: 2000)
        image.fillWithText(0..<1900)
        var images: [GeneratedImage] = []
        for index in 0..<8 {
            _ = try Self.save(image, store, CheckpointCodec.allCases[index / 2 % 2])
            images.append(image)
            for _ in 0..<400 {
                let page = Int.random(in: 0..<1900, using: &generator)
                image.pages[page] = GeneratedImage.text(page + 10_000 * (index + 1))
            }
        }
        for number in [1, 3, 4, 6] {
            _ = try Delete([.number(store.guest, number)]).run(in: store.path, store.context())
        }
        for number in [2, 5, 7, 8] {
            #expect(try store.restores(number, to: images[number - 1]), "\(number)")
        }
        #expect(try Verify().run(in: store.path, store.context()).isIntact)
    }
}
