import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// File systems that do not support all operations: NFS, 9p, sshfs, CIFS, FAT, FUSE, hugetlbfs.
@Suite("Limited file systems")
struct FileSystemTests {
    private static let kinds: [(name: String, refusals: FaultPlan.Refusals)] = [
        ("NFS", [.renameFlags, .namelessFiles, .readOnlyLocks]),
        ("sshfs", [.renameFlags, .namelessFiles, .dataSearch, .holes]),
        ("CIFS", [.renameFlags, .namelessFiles, .directorySync, .links, .readOnlyLocks]),
        ("exFAT", [.renameFlags, .namelessFiles, .links, .modes, .holes, .directorySync]),
        ("9p", [.renameFlags, .directorySync, .dataSearch]),
    ]

    private static func names(in store: TestStore) throws -> [String] {
        try TestSupport.names(in: store.guestPath).filter { !$0.hasSuffix(".lock") }
    }

    @Test("a store works on a limited file system like on any other", arguments: kinds.map(\.name))
    func works(name: String) throws {
        let kind = try #require(Self.kinds.first { $0.name == name })
        var store = try TestStore()
        store.calls = SystemCalls(faults: FaultPlan(refusing: kind.refusals))
        var generator = Seeded(5)
        var images = [GeneratedImage(pageCount: 700)]
        for number in 1...3 {
            images.append(images[number - 1])
            images[number].edit(60, &generator)
            try store.scratch.write([UInt8(number)], to: "dev")
            let dev = Save.DeviceState(
                name: try GuestName(checking: "dev", as: "section"),
                path: store.scratch.file("dev"))
            try store.save(images[number]) { $0.deviceStates = [dev] }
        }
        for number in 1...3 { #expect(try store.restores(number, to: images[number])) }
        // An existing output is refused, and replaced only if forced.
        let output = try store.restore(1)
        var restore = Restore(.number(store.guest, 2), to: .file(output))
        let taken = #expect(throws: SnapError.self) {
            _ = try restore.run(in: store.path, .testing(store.calls))
        }
        #expect(taken?.code == .cannotCreate)
        #expect(try images[1].equals(output))
        restore.isForced = true
        _ = try restore.run(in: store.path, .testing(store.calls))
        #expect(try images[2].equals(output))
        var update = Restore(.number(store.guest, 3), to: .inPlace(output))
        update.isSynchronized = true
        _ = try update.run(in: store.path, .testing(store.calls))
        #expect(try images[3].equals(output))
        _ = try Delete([.number(store.guest, 2)]).run(
            in: store.path,
            .testing(store.calls) {
                Issue.record("warned: \($0)")
            })
        let reindexed = try Reindex().run(
            in: store.path,
            .testing(store.calls) {
                Issue.record("warned: \($0)")
            })
        #expect(reindexed.checkpointCount == 2)
        #expect(try Verify().run(in: store.path, .testing(store.calls, warn: { _ in })).isIntact)
        #expect(try !Self.names(in: store).contains { $0.hasPrefix(".snap-") })
        let around = try TestSupport.names(in: store.scratch.path)
        #expect(!around.contains { $0.hasPrefix(".snap-") }, "\(around)")
    }

    @Test("a file system without locks is refused by the first command, with the reason")
    func withoutLocks() throws {
        var store = try TestStore()
        store.calls = SystemCalls(faults: FaultPlan(refusing: .locks))
        let error = #expect(throws: SnapError.self) { try store.save(GeneratedImage(pageCount: 2)) }
        #expect(error?.code == .unsupported && error?.message.contains("locks") == true)
    }

    /// On FUSE with a kernel cache, lseek(2) can miss what a guest has written into a mapping.
    ///
    /// lseek(2) asks the daemon, which does not know these bytes yet. read(2) finds them in the
    /// cache.
    @Test("an image is read completely if the search for data misses some of it")
    func holes() throws {
        var store = try TestStore()
        store.calls = SystemCalls(faults: FaultPlan(refusing: .dataSearch))
        var image = GeneratedImage(pageCount: 1100)
        image.fillWithText(stride(from: 0, to: 1100, by: 3))
        try store.save(image)
        #expect(try store.restores(1, to: image))
        // In an update in place, a range that wrongly counts as a hole would keep its old content.
        let output = store.scratch.file("memory")
        try image.write(to: output)
        let zeros = GeneratedImage(pageCount: 1100)
        try store.save(zeros)
        _ = try Restore(.number(store.guest, 2), to: .inPlace(output))
            .run(in: store.path, .testing(store.calls))
        #expect(try zeros.equals(output))
    }

    @Test(
        "an image is read completely if the search for data fails",
        .slow,
        arguments: [
            Errno.invalidArgument, .notSupported, .ioError, .badFileDescriptor,
        ])
    func failingSearch(errno: Errno) throws {
        var image = GeneratedImage(pageCount: 600)
        image.fillWithText([0, 1, 300, 599])
        // Whichever call fails, the save fails too or the checkpoint is correct.
        try FaultPlan.sweep(.fail(errno), past: 20, of: "save") { plan, what in
            var store = try TestStore()
            store.calls = SystemCalls(faults: plan)
            let file = store.scratch.file("image")
            try image.write(to: file)
            do {
                try store.save(at: file, in: .testing(store.calls, warn: { _ in }))
            } catch { return }
            store.calls = .kernel
            _ = try Reindex().run(in: store.path, .testing() { _ in })
            #expect(try store.restores(1, to: image), "\(what)")
        }
    }

    @Test("an output on hugetlbfs is refused before anything changes")
    func hugePages() throws {
        var store = try TestStore()
        var image = GeneratedImage(pageCount: 512)
        image.pages[3] = GeneratedImage.text(3)
        try store.save(image)
        let other = store.scratch.file("other")
        var before = image
        before.pages[3] = nil
        before.pages[9] = GeneratedImage.text(9)
        try before.write(to: other)
        store.calls = SystemCalls(faults: FaultPlan(refusing: .writes))
        for output in [Restore.Output.inPlace(other), .file(store.scratch.file("new"))] {
            let error = #expect(throws: SnapError.self) {
                _ = try Restore(.number(store.guest, 1), to: output)
                    .run(in: store.path, .testing(store.calls))
            }
            #expect(error?.code == .unsupported && error?.message.contains("hugetlbfs") == true)
        }
        #expect(try before.equals(other))
        #expect(!exists(store.scratch.file("new")))
    }
}
