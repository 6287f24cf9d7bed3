import CheckpointIndex
import CheckpointStore
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// The number of the next checkpoint: only a checkpoint's own file uses up the highest number.
@Suite("Checkpoint numbers")
struct NumberTests {
    private static let highest = "0016777215"

    private let store: TestStore
    private let image: GeneratedImage

    init() throws {
        store = try TestStore()
        var image = GeneratedImage(pageCount: 20)
        for number in 1...2 {
            image.pages[number] = GeneratedImage.text(number)
            try store.save(image)
        }
        self.image = image
    }

    /// Saves, and expects the checkpoint's number and that it restores.
    private func expectNext(_ number: Int, _ what: String) throws {
        let file = store.scratch.file("image")
        try image.write(to: file)
        let saved = try store.save(at: file, in: .testing(warn: { _ in }))
        #expect(saved.number == number, "\(what)")
        #expect(try store.restores(number, to: image), "\(what)")
    }

    @Test(
        "a planted file that is named with the highest number does not use it up",
        arguments: [".savevm", ".retired", ".devstate"], [0, 3, 512, 5000])
    func plantedNames(suffix: String, byteCount: Int) throws {
        let path = store.guestPath.appending(Self.highest + suffix)
        try write([UInt8](repeating: 7, count: byteCount), to: path)
        try expectNext(3, "\(suffix) of \(byteCount) bytes")
        try expectNext(4, "\(suffix) of \(byteCount) bytes, again")
        _ = try Reindex().run(in: store.path, .testing(warn: { _ in }))
        try expectNext(5, "\(suffix) of \(byteCount) bytes, reindexed")
    }

    @Test(
        "a checkpoint's file under another number's name does not use that number up",
        arguments: [".savevm", ".retired"])
    func otherNumber(suffix: String) throws {
        let path = store.guestPath.appending(Self.highest + suffix)
        let second = store.guestPath.appending("0000000002.savevm")
        try write(try bytes(of: second), to: path)
        try expectNext(3, suffix)
        try expectNext(4, "\(suffix), again")
    }

    @Test("a number whose file name exists is skipped, regardless of the file's content")
    func takenNames() throws {
        try write([], to: store.guestPath.appending("0000000003.savevm"))
        try write([7], to: store.guestPath.appending("0000000004.retired"))
        try expectNext(5, "two names are taken")
    }

    @Test("index rows with the highest number do not use it up", arguments: [false, true])
    func plantedRows(isRetired: Bool) throws {
        let file = IndexedFile(generation: 0, byteCount: 5000)
        do {
            let index = try CheckpointIndex(
                "index.sqlite", in: Directory(store.path, .kernel), isWritable: true)
            if isRetired {
                try index.retire([Checkpoint.numberMax: file], of: store.guest)
            } else {
                let second = try #require(try index.latest(of: store.guest))
                var planted = try #require(try index.indexed(second))
                planted.checkpoint.number = Checkpoint.numberMax
                planted.checkpoint.id = Identifier(high: 1, low: 1)
                planted.references = [1..<2, Checkpoint.numberMax..<Checkpoint.numberMax + 1]
                try index.insert([planted])
            }
        }
        try expectNext(3, "a row, retired: \(isRetired)")
        try expectNext(4, "a row, retired: \(isRetired), again")
    }

    @Test("a file that consists only of its header uses up its number, live or retired")
    func realNumbers() throws {
        #expect(try store.save(image).number == 3)
        let live = store.guestPath.appending("0000000003.savevm")
        let retired = store.guestPath.appending("0000000003.retired")
        try FileManager.default.moveItem(atPath: live.string, toPath: retired.string)
        try write(Array(try bytes(of: retired).prefix(512)), to: retired)
        _ = try Reindex().run(in: store.path, .testing(warn: { _ in }))
        try expectNext(4, "a retired header")
        let fourth = store.guestPath.appending("0000000004.savevm")
        let header = Array(try bytes(of: fourth).prefix(512))
        try write(header, to: fourth)
        _ = try Reindex().run(in: store.path, .testing(warn: { _ in }))
        try expectNext(5, "a header alone")
    }
}
