import CheckpointIndex
import CheckpointStore
import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Deletion")
struct DeleteTests {
    private static func history(
        _ count: Int, seed: Int = 1
    ) throws -> (TestStore, [Int: GeneratedImage]) {
        var generator = Seeded(UInt64(seed))
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 700)
        image.edit(500, &generator)
        var saved: [Int: GeneratedImage] = [:]
        for number in 1...count {
            let state = try store.writeDeviceState(number)
            let checkpoint = try store.save(image) { save in
                save.deviceStates = [state]
                if let older = saved.keys.sorted().randomElement(using: &generator),
                    Int.random(in: 0..<3, using: &generator) == 0
                {
                    save.parent = .checkpoint(.number(store.guest, older))
                }
            }
            saved[checkpoint.number] = image
            image.edit(60, &generator)
        }
        return (store, saved)
    }

    @discardableResult
    private static func delete(
        _ numbers: [Int], in store: TestStore, calls: SystemCalls = .kernel,
        allowsLast: Bool = false, lockTimeout: Duration = .seconds(5),
        warn: @escaping @Sendable (SnapError) -> Void = { Issue.record("warned: \($0)") }
    ) throws -> Delete.Outcome {
        var delete = try Delete(numbers.map { .number(store.guest, $0) })
        delete.allowsLast = allowsLast
        return try delete.run(in: store.path, .testing(calls, lockTimeout: lockTimeout, warn: warn))
    }

    private static func files(of store: TestStore) throws -> [String] {
        try names(in: store.guestPath).filter { !$0.hasSuffix(".lock") }
    }

    @Test("the remaining checkpoints restore after any subset is deleted", .slow, arguments: 0..<15)
    func subsets(seed: Int) throws {
        var (store, saved) = try Self.history(8, seed: seed)
        var generator = Seeded(UInt64(seed) + 50)
        while saved.count > 1 {
            let count = Int.random(in: 1..<max(2, saved.count / 2), using: &generator)
            let victims = Array(saved.keys.shuffled(using: &generator).prefix(count))
            var planned = try Delete(victims.map { .number(store.guest, $0) })
            planned.isDryRun = true
            let plan = try planned.run(in: store.path, .testing())
            let before = try store.diskByteCount()
            let outcome = try Self.delete(victims, in: store)
            #expect(outcome.freedByteCount == (try before - store.diskByteCount()))
            // A plan estimates how well the live part of a rewritten file compresses, which decides
            // how many blocks it takes.
            let tolerance = before / 8 + outcome.keptFileCount * 4096
            #expect(abs(plan.freedByteCount - outcome.freedByteCount) <= tolerance)
            #expect(plan.keptFileCount == outcome.keptFileCount)
            for victim in victims { saved[victim] = nil }
            #expect(try store.list().map(\.number) == saved.keys.sorted())
            for (number, image) in saved {
                #expect(try store.restores(number, to: image), "seed \(seed): \(number)")
                #expect(try store.restoresDeviceState(number), "seed \(seed): \(number)")
            }
        }
        try Self.delete(Array(saved.keys), in: store, allowsLast: true)
        #expect(try Self.files(of: store) == ["0000000008.retired"])
        #expect(try bytes(of: store.guestPath.appending("0000000008.retired")).count == 512)
        // Numbers are never reused, not even after a reindex.
        _ = try Reindex().run(in: store.path, .testing(warn: { Issue.record("\($0)") }))
        let next = try store.save(GeneratedImage(pageCount: 3))
        #expect(next.number == 9 && next.parentNumber == nil)
        try store.save(GeneratedImage(pageCount: 3))
        #expect(try Self.files(of: store) == ["0000000009.savevm", "0000000010.savevm"])
    }

    @Test("deleting the last or a missing checkpoint is refused, and nothing is deleted")
    func refusals() throws {
        let (store, saved) = try Self.history(3)
        let before = try Self.files(of: store)
        let last = #expect(throws: SnapError.self) { try Self.delete([1, 2, 3], in: store) }
        #expect(last?.code == .usage)
        let missing = #expect(throws: SnapError.self) { try Self.delete([1, 7], in: store) }
        #expect(missing?.code == .notFound)
        let vague = #expect(throws: SnapError.self) {
            try Delete([.latest(store.guest, back: 0)])
        }
        #expect(vague?.code == .usage)
        #expect(try Self.files(of: store) == before)
        #expect(try store.list().count == saved.count)
        // The complete id and the number specify the same checkpoint, which is deleted once.
        let id = try store.list()[0].id.hex
        let outcome = try Delete([.guestOrID(id), .number(store.guest, 1)])
            .run(in: store.path, .testing(warn: { Issue.record("\($0)") }))
        #expect(outcome.deleted.map(\.number) == [1])
    }

    @Test("a checkpoint that cannot be opened does not count as a remaining one")
    func lastIntact() throws {
        let (store, _) = try Self.history(2)
        try write([1, 2, 3], to: store.guestPath.appending("0000000001.savevm"))
        let error = #expect(throws: SnapError.self) { try Self.delete([2], in: store) }
        #expect(error?.code == .usage)
        try Self.delete([1], in: store)
        #expect(try store.list().map(\.number) == [2])
    }

    @Test("a busy guest stops the deletion, and the error lists the deleted checkpoints")
    func severalGuests() throws {
        let (store, saved) = try Self.history(2)
        let other = try GuestName(checking: "other", as: "guest")
        let file = store.scratch.file("image")
        try #require(saved[1]).write(to: file)
        for _ in 0..<2 {
            _ = try Save(.image(file, nil), guest: other).run(in: store.path, .testing() { _ in })
        }
        let directory = Directory(store.scratch.guest("other"), .kernel)
        let lock = try LockFile(.exclusive, "writer.lock", in: directory, timeout: .zero)
        let error = #expect(throws: SnapError.self) {
            try Delete([.number(store.guest, 1), .number(other, 1)])
                .run(in: store.path, .testing(lockTimeout: .zero))
        }
        #expect(error?.code == .busy && error?.hint == "already deleted: g:1")
        _ = consume lock
        #expect(try store.list().map(\.name.description) == ["g:2", "other:1", "other:2"])
    }

    @Test("what a restore reads stays until the next deletion after it, and nothing waits for it")
    func readers() throws {
        let (store, saved) = try Self.history(3)
        let retired = store.guestPath.appending("0000000002.retired")
        let device = store.guestPath.appending("0000000002.devretired")
        let opened = try Store(reading: store.path, store.context())
        let image = try #require(saved[2])
        try opened.withCheckpoint(.number(store.guest, 2), store.context()) {
            (checkpoint) throws(SnapError) in
            // Runs while the checkpoint is pinned.
            #expect(throws: Never.self) {
                try Self.delete([2], in: store, lockTimeout: .zero)
                #expect(exists(retired) && exists(device))
                try store.save(image)
            }
            let memory = try checkpoint.memory()
            var decoder = UnitDecoder(memory.files)
            var units = memory.units
            var bytes: [UInt8] = []
            while let unit = units.next() {
                try decoder.decode(unit)
                bytes += decoder.bytes(of: unit)
            }
            #expect(throws: Never.self) {
                let file = try store.scratch.write(bytes, to: "read")
                #expect(try image.equals(file))
            }
        }
        let error = #expect(throws: SnapError.self) { try store.restore(2) }
        #expect(error?.code == .notFound)
        try Self.delete([3], in: store)
        #expect(!exists(device))
        #expect(try store.restores(1, to: try #require(saved[1])))
        #expect(try store.restores(4, to: image))
    }

    @Test("no space is freed while a remaining file cannot be read")
    func damagedFile() throws {
        let (store, saved) = try Self.history(4)
        let path = store.guestPath.appending("0000000003.savevm")
        var file = try bytes(of: path)
        file[file.count - 1] ^= 1
        try write(file, to: path)
        let warnings = Warnings()
        let outcome = try Self.delete([4], in: store, warn: warnings.take)
        #expect(warnings.all.map(\.path) == [path])
        #expect(outcome.freedByteCount <= 4096)
        #expect(try bytes(of: store.guestPath.appending("0000000004.retired")).count > 4096)
        // The damaged checkpoint can be deleted too, and then all others restore.
        try Self.delete([3], in: store)
        #expect(try store.list().map(\.number) == [1, 2])
        for number in [1, 2] {
            #expect(try store.restores(number, to: try #require(saved[number])))
        }
    }

    @Test("a checkpoint whose file is lost can be deleted, and its number is not reused")
    func lostFile() throws {
        let (store, saved) = try Self.history(3)
        try removeFile(store.guestPath.appending("0000000003.savevm"))
        try Self.delete([3], in: store, warn: { #expect($0.code == .damaged) })
        #expect(try store.list().map(\.number) == [1, 2])
        #expect(try store.save(try #require(saved[2])).number == 4)
    }

    @Test(
        "after any failed call, each checkpoint is complete or deleted, and a retry succeeds",
        .slow,
        arguments: [FaultPlan.Fault.fail(.ioError), .fail(.noSpace), .stop])
    func faults(fault: FaultPlan.Fault) throws {
        try FaultPlan.sweep(fault, past: 40, of: "delete, several") { plan, what in
            let (store, saved) = try Self.history(5)
            let calls = SystemCalls(faults: plan)
            // All device states share that of checkpoint 1.
            _ = try? Self.delete([1, 5], in: store, calls: calls, warn: { _ in })
            let live = try Self.files(of: store).filter { $0.hasSuffix(".savevm") }
            for number in [2, 3, 4] {
                #expect(live.contains(FileName.savevm(number).text), "\(what)")
                #expect(try store.restores(number, to: try #require(saved[number])), "\(what)")
                #expect(try store.restoresDeviceState(number), "\(what)")
            }
            // A checkpoint exists completely or not at all, regardless of its index row.
            for number in [1, 5] where live.contains(FileName.savevm(number).text) {
                #expect(try store.restores(number, to: try #require(saved[number])), "\(what)")
                try Self.delete([number], in: store)
            }
            for number in [1, 5] {
                let error = #expect(throws: SnapError.self) { _ = try store.restore(number) }
                #expect(error?.code == .notFound, "\(what)")
            }
            let again = try store.save(try #require(saved[5]))
            #expect(again.number == 6, "\(what)")
            #expect(try store.list().map(\.number) == [2, 3, 4, 6], "\(what)")
            _ = try Self.delete([6], in: store)
            let states = try store.deviceStates()
            #expect(states.live == [2, 3, 4] && states.bases == [1], "\(what)")
            #expect(states.retired == [1], "\(what)")
        }
    }
}
