import CheckpointStore
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Recovery from killed processes and lost files")
struct ReconciliationTests {
    private static func history(_ count: Int) throws -> (TestStore, [GeneratedImage]) {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 20)
        var images: [GeneratedImage] = []
        for number in 0..<count {
            image.pages[number] = GeneratedImage.text(number)
            try store.save(image)
            images.append(image)
        }
        return (store, images)
    }

    @Test("a complete file without an index row is adopted")
    func adoption() throws {
        let (store, images) = try Self.history(3)
        let index = store.path.appending("index.sqlite")
        let before = try bytes(of: index)
        let fourth = try store.save(images[0])
        try write(before, to: index)
        #expect(try store.list().count == 3)
        let fifth = try store.save(images[0])
        #expect(fifth.number == 5)
        #expect(fifth.parentNumber == 4)
        #expect(try store.list()[3] == fourth)
    }

    @Test("temporary files and a device state without its savevm file are deleted")
    func leftovers() throws {
        let (store, images) = try Self.history(1)
        for name in [".snap-abc", "0000000002.devstate"] {
            try write([1], to: store.guestPath.appending(name))
        }
        #expect(try store.save(images[0]).number == 2)
        let left = try names(in: store.guestPath)
        #expect(
            left.filter { !$0.hasSuffix(".lock") } == ["0000000001.savevm", "0000000002.savevm"])
    }

    @Test("a row without a file is reported, never a parent, and keeps its number")
    func lostFile() throws {
        let (store, images) = try Self.history(3)
        try removeFile(store.guestPath.appending("0000000003.savevm"))
        let warnings = Warnings()
        let image = store.scratch.file("image")
        try images[1].write(to: image)
        let fourth = try store.save(at: image, in: .testing(warn: warnings.take))
        #expect(fourth.number == 4)
        #expect(fourth.parentNumber == 2)
        #expect(warnings.all.map(\.code) == [.damaged])
        #expect(try store.list().map(\.number) == [1, 2, 3, 4])
        #expect(try store.restores(4, to: images[1]))
    }

    @Test("a damaged file is reported, stays unchanged, and keeps its number")
    func damagedFile() throws {
        let (store, images) = try Self.history(1)
        let path = store.guestPath.appending("0000000002.savevm")
        try write([1, 2, 3], to: path)
        let warnings = Warnings()
        let image = store.scratch.file("image")
        try images[0].write(to: image)
        #expect(try store.save(at: image, in: .testing(warn: warnings.take)).number == 3)
        #expect(warnings.all.map(\.path) == [path])
        #expect(try bytes(of: path) == [1, 2, 3])
        let damaged = Warnings()
        let outcome = try Reindex().run(in: store.path, .testing(warn: damaged.take))
        #expect(outcome.damagedFileCount == 1 && outcome.checkpointCount == 2)
        #expect(damaged.all.count == 1)
    }

    @Test("a device state is kept while its savevm file is temporarily missing")
    func lostSavevm() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 4)
        image.pages[0] = GeneratedImage.text(1)
        let state = Save.DeviceState(
            name: try GuestName(checking: "dev", as: "section"),
            path: try store.scratch.write([1, 2], to: "dev"))
        try store.save(image) { $0.deviceStates = [state] }
        let path = store.guestPath.appending("0000000001.savevm")
        let moved = store.scratch.file("moved")
        try FileManager.default.moveItem(atPath: path.string, toPath: moved.string)
        let file = store.scratch.file("image")
        try store.save(at: file, in: .testing(warn: { _ in }))
        try FileManager.default.moveItem(atPath: moved.string, toPath: path.string)
        let output = store.scratch.file("state")
        _ = try store.restore(1) { $0.deviceState = output }
        #expect(try bytes(of: output) == [1, 2])
        // Reindex reports a deleted device state as damage; the checkpoint stays in the index.
        try removeFile(store.guestPath.appending("0000000001.devstate"))
        let outcome = try Reindex().run(in: store.path, .testing(warn: { _ in }))
        #expect(outcome.damagedFileCount == 1 && outcome.checkpointCount == 2)
    }

    @Test("an empty index is rebuilt for all guests, and names out of range are ignored")
    func emptyIndex() throws {
        let (store, images) = try Self.history(2)
        try write([], to: store.path.appending("index.sqlite"))
        let names = ["9223372036854775807.savevm", "0099999999.savevm", "0016777216.retired"]
        for name in names { try write([1], to: store.guestPath.appending(name)) }
        try write([1], to: store.path.appending("guests/notes"))
        let save = Save(
            .image(store.scratch.file("image"), .raw),
            guest: try GuestName(checking: "h", as: "guest"))
        let warnings = Warnings()
        _ = try save.run(in: store.path, .testing(warn: warnings.take))
        #expect(warnings.all.allSatisfy(\.isLossOfRecords) && warnings.all.count == 1)
        #expect(try store.list().map(\.name.description) == ["g:1", "g:2", "h:1"])
        #expect(try store.save(images[0]).number == 3)
    }

    @Test("a checkpoint restores from pages in a retired file")
    func retired() throws {
        let (store, images) = try Self.history(3)
        let from = store.guestPath.appending("0000000001.savevm")
        let to = store.guestPath.appending("0000000001.retired")
        try FileManager.default.moveItem(atPath: from.string, toPath: to.string)
        #expect(try store.restores(3, to: images[2]))
        try store.save(images[2])
        #expect(try store.list().map(\.number) == [2, 3, 4])
        _ = try Reindex().run(in: store.path, .testing(warn: { _ in }))
        #expect(try store.list().map(\.number) == [2, 3, 4])
        #expect(try store.restores(4, to: images[2]))
    }

    @Test("the highest number is never reused, even if its file is retired and empty")
    func numbers() throws {
        let (store, images) = try Self.history(2)
        try removeFile(store.guestPath.appending("0000000002.savevm"))
        try write([], to: store.guestPath.appending("0000000002.retired"))
        #expect(try store.save(images[0]).number == 3)
    }

    @Test("a lost store.json and a lost index are rebuilt from the files")
    func lostStoreFiles() throws {
        let (store, images) = try Self.history(3)
        let before = try store.list()
        let identity = try bytes(of: store.path.appending("store.json"))
        try removeFile(store.path.appending("store.json"))
        try removeFile(store.path.appending("index.sqlite"))
        let error = #expect(throws: SnapError.self) { _ = try store.list() }
        #expect(error?.code == .damaged)
        // A save rebuilds both. It still shares pages, because the digest key is the same.
        let warnings = Warnings()
        let fourth = try store.save(images[2], in: .testing(warn: warnings.take))
        #expect(warnings.all.allSatisfy(\.isLossOfRecords) && warnings.all.count == 1)
        #expect(fourth.pages.changed == 0)
        #expect(try store.list().dropLast() == before[...])
        #expect(try bytes(of: store.path.appending("store.json")) == identity)
    }

    @Test("a failed read never gives a store a new identity")
    func identityAfterFault() throws {
        let (store, _) = try Self.history(1)
        let path = store.path.appending("store.json")
        let identity = try bytes(of: path)
        try FaultPlan.sweep(.fail(.ioError), past: 30, of: "reindex, store.json lost") {
            plan, what in
            try removeFile(path)
            _ = try? Reindex().run(
                in: store.path, .testing(SystemCalls(faults: plan), warn: { _ in }))
            if exists(path) { #expect(try bytes(of: path) == identity, "\(what)") }
            _ = try Reindex().run(in: store.path, .testing(warn: { _ in }))
            #expect(try bytes(of: path) == identity, "\(what)")
        }
    }

    @Test("pages are compared by their bytes if the digest key is another one")
    func otherKey() throws {
        let (store, images) = try Self.history(2)
        let path = store.path.appending("store.json")
        let other = try TestStore()
        try other.save(images[0])
        try write(try bytes(of: other.path.appending("store.json")), to: path)
        let third = try store.save(images[1])
        #expect(third.pages.unchanged == 2)
        #expect(third.pages.changed == 0)
        var changed = images[1]
        changed.pages[0]?[17] ^= 1
        #expect(try store.save(changed).pages.delta == 1)
        #expect(try store.restores(3, to: images[1]))
        #expect(try store.restores(4, to: changed))
    }

    @Test("a store of another major version is refused before anything changes")
    func version() throws {
        let (store, images) = try Self.history(1)
        let path = store.path.appending("store.json")
        let text = String(decoding: try bytes(of: path), as: UTF8.self)
        let later = text.replacingOccurrences(
            of: "\"formatVersion\": 1", with: "\"formatVersion\": 7")
        #expect(later != text)
        try write(Array(later.utf8), to: path)
        let listError = #expect(throws: SnapError.self) { _ = try store.list() }
        #expect(listError?.code == .unsupported)
        let saveError = #expect(throws: SnapError.self) {
            try store.save(images[0], in: store.context(lockTimeout: .zero))
        }
        #expect(saveError?.code == .unsupported)
        #expect(
            try names(in: store.guestPath).filter { !$0.hasSuffix(".lock") } == [
                "0000000001.savevm"
            ])
    }

    @Test("an index rebuilt from the files equals the original index")
    func rebuilt() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 700)
        var generator = Seeded(1)
        for number in 1...5 {
            image.edit(40, &generator)
            let state = Save.DeviceState(
                name: try GuestName(checking: "dev", as: "section"),
                path: try store.scratch.write([UInt8](repeating: 1, count: number), to: "dev"))
            try store.save(image) { save in
                save.label = number == 2 ? "a label with \"quotes\"" : nil
                save.deviceStates = number % 2 == 0 ? [state] : []
                if number == 4 { save.parent = .checkpoint(.number(store.guest, 2)) }
            }
        }
        let dump = { () throws -> [CheckpointDetails] in
            let open = try Store(writing: store.path, addsCheckpoints: true, .testing())
            return try open.checkpoints(of: nil).map {
                try open.details(of: .number($0.guest, $0.number))
            }
        }
        let before = try dump()
        _ = try Reindex().run(in: store.path, .testing(warn: { Issue.record("warned: \($0)") }))
        #expect(try dump() == before)
        #expect(before.map(\.checkpoint.parentNumber) == [nil, 1, 2, 2, 4])
    }

    @Test("a parent whose index row a killed save has not written is found")
    func parentWithoutRow() throws {
        let (store, images) = try Self.history(2)
        let path = store.path.appending("index.sqlite")
        let before = try bytes(of: path)
        try store.save(images[1])
        // Put back the index from before the third checkpoint.
        try write(before, to: path)
        let third = CheckpointSpecifier.number(store.guest, 3)
        let fourth = try store.save(images[1]) { $0.parent = .checkpoint(third) }
        #expect(fourth.number == 4 && fourth.parentNumber == 3)
        let error = #expect(throws: SnapError.self) {
            try store.save(images[1]) { $0.parent = .checkpoint(.number(store.guest, 9)) }
        }
        #expect(error?.code == .notFound)
    }

    @Test("a guest's directory that is a symbolic link does not hide other guests")
    func linkedGuest() throws {
        let (store, images) = try Self.history(1)
        let other = try TestStore(in: store, guest: "other")
        try other.save(images[0])
        let directory = store.scratch.guest("other")
        try FileManager.default.moveItem(
            atPath: directory.string, toPath: store.scratch.file("outside").string)
        try FileManager.default.createSymbolicLink(
            atPath: directory.string, withDestinationPath: store.scratch.file("outside").string)
        let before = try names(in: store.scratch.file("outside"))
        let ignoring = WorkContext.testing(warn: { _ in })
        let verified = try Verify().run(in: store.path, ignoring)
        #expect(verified.damage.map(\.path) == [directory])
        #expect(verified.verdicts.contains { $0.name.guest == store.guest && $0.isIntact })
        let rebuilt = try Reindex().run(in: store.path, ignoring)
        #expect(rebuilt.damagedFileCount == 1 && rebuilt.checkpointCount == 1)
        let error = #expect(throws: SnapError.self) { try other.save(images[0], in: ignoring) }
        #expect(error?.code == .damaged && error?.path == directory)
        #expect(try store.save(images[0], in: ignoring).number == 2)
        #expect(try names(in: store.scratch.file("outside")) == before)
    }

    @Test("a second writer times out, and a store in use is not reindexed")
    func locks() throws {
        let (store, images) = try Self.history(1)
        let path = store.guestPath.appending("writer.lock")
        let directory = Directory(store.guestPath, .kernel)
        let held = try LockFile(.exclusive, "writer.lock", in: directory, timeout: .zero)
        let error = #expect(throws: SnapError.self) {
            try store.save(images[0], in: store.context(lockTimeout: .zero))
        }
        #expect(error?.code == .busy && error?.path == path)
        _ = consume held
        #expect(try store.save(images[0]).number == 2)
        let open = try Store(writing: store.path, addsCheckpoints: true, .testing())
        let busy = #expect(throws: SnapError.self) {
            _ = try Reindex().run(in: store.path, .testing(lockTimeout: .zero, warn: { _ in }))
        }
        #expect(busy?.code == .busy)
        _ = consume open
    }
}
