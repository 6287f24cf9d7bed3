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

/// All checkpoints here have device states that share the file of checkpoint 1.
@Suite("Bases of device states")
struct DeviceStateBaseTests {
    private static func history(_ count: Int) throws -> TestStore {
        let store = try TestStore()
        for number in 1...count { try save(number, in: store) }
        return store
    }

    private static func save(
        _ number: Int, in store: TestStore, warn: @escaping @Sendable (SnapError) -> Void = report
    ) throws {
        let state = try store.writeDeviceState(number)
        var image = GeneratedImage(pageCount: 4)
        image.pages[0] = GeneratedImage.text(number)
        try store.save(image, in: .testing(warn: warn)) { $0.deviceStates = [state] }
    }

    private static func delete(
        _ numbers: [Int], in store: TestStore,
        warn: @escaping @Sendable (SnapError) -> Void = report
    ) throws -> Delete.Outcome {
        try Delete(numbers.map { .number(store.guest, $0) })
            .run(in: store.path, .testing(warn: warn))
    }

    @Sendable private static func report(_ error: SnapError) { Issue.record("warned: \(error)") }

    private static func path(_ name: FileName, in store: TestStore) -> FilePath {
        store.guestPath.appending(name.text)
    }

    @Test("a base outlives its checkpoint as long as another needs it, in any order of deletion")
    func deletions() throws {
        for order in [[1, 2, 3, 4], [2, 1, 4, 3], [4, 3, 2, 1], [3, 1, 2, 4], [1, 4, 2, 3]] {
            let store = try Self.history(5)
            var left = Set(1...5)
            for number in order {
                left.remove(number)
                var planned = try Delete([.number(store.guest, number)])
                planned.isDryRun = true
                let plan = try planned.run(in: store.path, .testing())
                let outcome = try Self.delete([number], in: store)
                #expect(plan.keptFileCount == outcome.keptFileCount, "\(order): \(number)")
                let (live, retired, bases) = try store.deviceStates()
                #expect(Set(live) == left && bases == [1], "\(order): \(number)")
                #expect(retired == (left.contains(1) ? [] : [1]), "\(order): \(number)")
                for other in left {
                    #expect(try store.restoresDeviceState(other), "\(order): \(other)")
                }
            }
            var last = try Delete([.number(store.guest, 5)])
            last.allowsLast = true
            _ = try last.run(in: store.path, .testing())
            #expect(try store.deviceStates().retired.isEmpty)
        }
    }

    /// A store in which only the device state remains of checkpoint 1, as the base of the second.
    private static func aloneBase() throws -> TestStore {
        let store = try Self.history(1)
        let state = try store.writeDeviceState(2)
        // Shares no page and no table with the first.
        try store.save(GeneratedImage(pageCount: 4)) { $0.deviceStates = [state] }
        _ = try Self.delete([1], in: store)
        #expect(!exists(Self.path(.retired(1), in: store)))
        #expect(exists(Self.path(.retiredDeviceState(1), in: store)))
        return store
    }

    @Test("a base can outlive the savevm file of its checkpoint")
    func alone() throws {
        let store = try Self.aloneBase()
        _ = try Reindex().run(in: store.path, .testing(warn: { Issue.record("\($0)") }))
        #expect(try store.restoresDeviceState(2))
        try Self.save(3, in: store)
        #expect(try store.deviceStates().bases == [1])
        #expect(try Verify().run(in: store.path, .testing()).isIntact)
    }

    @Test("a reader of a deleted checkpoint keeps its device state and the base")
    func pins() throws {
        let store = try Self.history(3)
        let opened = try Store(reading: store.path, store.context())
        try opened.withCheckpoint(.number(store.guest, 2), store.context()) {
            (checkpoint) throws(SnapError) in
            #expect(throws: Never.self) {
                _ = try Self.delete([1, 2], in: store)
                #expect(try store.deviceStates().retired == [1, 2])
            }
            let file = try checkpoint.deviceState()
            var reader = DeviceStateReader(file)
            #expect(try reader.bytes(of: file.states[0].sections[0]) == TestStore.deviceState(2))
        }
        try Self.save(4, in: store)
        #expect(try store.deviceStates().retired == [1])
    }

    @Test("damage to a base is reported for each checkpoint that needs it, and RAM is restored")
    func damagedBase() throws {
        for damage in ["missing", "changed", "of another guest"] {
            let store = try Self.history(4)
            _ = try Self.delete([1], in: store)
            let base = Self.path(.retiredDeviceState(1), in: store)
            switch damage {
            case "missing": try removeFile(base)
            case "changed":
                var changed = try bytes(of: base)
                changed[600] ^= 1
                try write(changed, to: base)
            default:
                let other = try Self.history(1)
                try write(try bytes(of: Self.path(.deviceState(1), in: other)), to: base)
            }
            let outcome = try Verify().run(in: store.path, .testing())
            let named = outcome.verdicts.filter(\.isDeviceStateLost).map(\.name.number)
            #expect(named == [2, 3, 4], "\(damage)")
            #expect(outcome.damage.allSatisfy { $0.path?.lastComponent?.stem == "0000000001" })
            let error = #expect(throws: SnapError.self) { _ = try store.restoresDeviceState(3) }
            #expect(error?.code == .damaged, "\(damage)")
            #expect(throws: Never.self) { _ = try store.restore(3) }
            // The next save reports the damage once, and is a base itself.
            let warnings = Warnings()
            try Self.save(5, in: store, warn: warnings.take)
            #expect(warnings.all.count == 1, "\(damage): \(warnings.all)")
            try Self.save(6, in: store)
            for number in [5, 6] { #expect(try store.restoresDeviceState(number), "\(damage)") }
            #expect(try store.deviceStates().bases.contains(5), "\(damage)")
        }
    }

    @Test("a header that cannot be read keeps all bases until its checkpoint is deleted")
    func unreadableHeader() throws {
        let store = try Self.history(3)
        // A full checkpoint's device state has no base.
        let state = try store.writeDeviceState(4)
        try store.save(GeneratedImage(pageCount: 4)) {
            $0.deviceStates = [state]
            $0.parent = .none
        }
        let path = Self.path(.deviceState(4), in: store)
        var changed = try bytes(of: path)
        changed[40] ^= 1
        try write(changed, to: path)
        let warnings = Warnings()
        _ = try Self.delete([1, 2, 3], in: store, warn: warnings.take)
        #expect(try names(in: store.guestPath).contains("0000000001.devretired"))
        #expect(try !names(in: store.guestPath).contains("0000000002.devretired"))
        #expect(warnings.all.map(\.hint) == ["delete g:4 to free it"])
        try Self.save(5, in: store, warn: { _ in })
        _ = try Self.delete([4], in: store, warn: { _ in })
        #expect(try store.deviceStates().retired.isEmpty)
    }

    @Test("a device-state file without a checkpoint is kept if it is a base")
    func leftovers() throws {
        let store = try Self.aloneBase()
        let (old, new) = (
            Self.path(.retiredDeviceState(1), in: store), Self.path(.deviceState(1), in: store)
        )
        try FileManager.default.moveItem(atPath: old.string, toPath: new.string)
        try write(try bytes(of: new), to: Self.path(.deviceState(9), in: store))
        try Self.save(3, in: store)
        #expect(try store.restoresDeviceState(2))
        let (live, retired, _) = try store.deviceStates()
        #expect(live == [2, 3] && retired == [1])
    }

    @Test("a checkpoint whose device state has a retired name, as in a copy, keeps it and its base")
    func retiredName() throws {
        let store = try Self.history(3)
        _ = try Self.delete([1], in: store)
        try FileManager.default.moveItem(
            atPath: Self.path(.deviceState(2), in: store).string,
            toPath: Self.path(.retiredDeviceState(2), in: store).string)
        _ = try Self.delete([3], in: store)
        try Self.save(4, in: store)
        #expect(try store.restoresDeviceState(2))
        #expect(try store.deviceStates().retired == [1, 2])
    }

    @Test("the first save raises the store's format version; deletions and reads do not")
    func formatVersion() throws {
        let store = try Self.history(3)
        let path = store.path.appending("store.json")
        let current = try bytes(of: path)
        let text = String(decoding: current, as: UTF8.self)
        #expect(text.contains("\"formatVersion\": 1"))
        let old = Array(text.replacing("\"formatVersion\": 1", with: "\"formatVersion\": 0").utf8)
        try write(old, to: path)
        _ = try Self.delete([3], in: store)
        #expect(try store.restoresDeviceState(2))
        #expect(try bytes(of: path) == old)
        try Self.save(4, in: store)
        #expect(try bytes(of: path) == current)
    }

    @Test("show names the base")
    func show() throws {
        let store = try Self.history(2)
        let bases = try [1, 2].map {
            try Show(.number(store.guest, $0)).run(in: store.path, .testing())
                .deviceStateBaseNumber
        }
        #expect(bases == [nil, 1])
    }
}
