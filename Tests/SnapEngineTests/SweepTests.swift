import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// Runs every command with every kind of fault at every system call if SNAP_SWEEP is set, as in
/// `make soak`, and with a sample of the faults otherwise.
@Suite("Every command with every fault at every call")
struct SweepTests {
    enum Operation: String, CaseIterable, Sendable {
        case saveFull = "save, full, with device state"
        case saveDelta = "save, incremental, with device state"
        case saveStream = "save of a stream"
        case saveLost = "save, store.json and index lost"
        case restore = "restore to a file"
        case restoreDevices = "restore with device state"
        case restoreForced = "restore, replacing files"
        case restoreInPlace = "restore in place"
        case restoreStream = "restore as a stream"
        case deleteOne = "delete, one"
        case deleteSeveral = "delete, several"
        case deleteLast = "delete, the last"
        case reindex = "reindex"
        case reindexLost = "reindex, store.json and index lost"
        case diff = "diff --devices"
        case diffPages = "diff"
        case verify = "verify"
        case routine = "verify --limit-time"
        case status = "status"

        var isRestore: Bool { rawValue.hasPrefix("restore") }
        var isSave: Bool { rawValue.hasPrefix("save") }
        var losesIndex: Bool { self == .saveLost || self == .reindexLost }
        var isReading: Bool {
            isRestore || [.verify, .routine, .status].contains(self) || rawValue.hasPrefix("diff")
        }
        var guest: String { self == .saveStream || self == .deleteLast ? "s" : "g" }
        /// The numbers of the checkpoints that the operation deletes.
        var victims: [Int] {
            switch self {
            case .deleteOne: [3]
            case .deleteSeveral: [1, 4]
            case .deleteLast: [1]
            default: []
            }
        }
    }

    /// A store with two guests.
    ///
    /// One guest has four checkpoints with deltas, duplicates and device states; the second one is
    /// deleted, but its pages are still needed. The other guest has a checkpoint of a stream.
    private struct Scene: Sendable {
        static let made = Result { try Scene() }

        let store: TestStore
        let next: GeneratedImage
        /// The RAM of each checkpoint, by the checkpoint's name.
        private(set) var memories: [String: [UInt8]] = [:]
        let stream: [UInt8]

        private init() throws {
            store = try TestStore()
            var generator = Seeded(21)
            var image = GeneratedImage(pageCount: 520)
            image.edit(40, &generator)
            for number in 1...4 {
                let state = try store.writeDeviceState(number)
                try store.save(image) { $0.deviceStates = number == 2 ? [] : [state] }
                memories["g:\(number)"] = image.bytes
                image.edit(12, &generator)
                image.pages[number] = GeneratedImage.text(7)
            }
            next = image
            try next.write(to: store.scratch.file("image"))
            _ = try Delete([.number(store.guest, 2)]).run(in: store.path, .testing() { _ in })
            memories["g:2"] = nil
            let made = SmallStream.compressed.made()
            try store.scratch.write(made.bytes, to: "stream")
            _ = try Self.saveStream(in: store, .kernel)
            memories["s:1"] = made.blockNames.flatMap { made.ram[$0]?.bytes ?? [] }
            try store.scratch.write(SmallStream.xbzrle.made().bytes, to: "stream")
            stream = try bytes(
                of: Self.restored("s:1", in: store) { $0.form = .stream })
        }

        static func state(in store: TestStore) throws -> Save.DeviceState {
            Save.DeviceState(
                name: try GuestName(checking: "dev", as: "section"),
                path: store.scratch.file("dev"))
        }

        static func saveStream(
            in store: TestStore, _ calls: SystemCalls
        ) throws -> Checkpoint {
            let save = Save(
                .image(store.scratch.file("stream"), nil),
                guest: try GuestName(checking: "s", as: "guest"))
            return try save.run(in: store.path, .testing(calls, warn: { _ in })).checkpoint
        }

        static func reference(_ text: String) throws -> CheckpointSpecifier {
            .number(
                try GuestName(checking: String(text.prefix(1)), as: "guest"),
                Int(text.dropFirst(2)) ?? 0)
        }

        static func restored(
            _ text: String, in store: TestStore, _ configure: (inout Restore) -> Void = { _ in }
        ) throws -> FilePath {
            let output = store.scratch.file("check-\(UInt64.random(in: 0...UInt64.max))")
            var restore = Restore(try reference(text), to: .file(output))
            configure(&restore)
            _ = try restore.run(in: store.path, .testing())
            return output
        }

        /// Counts the pages that differ between two checkpoints.
        func differingPageCount(_ left: String, _ right: String) -> Int {
            let pages = [left, right].map { name in
                let bytes = memories[name] ?? []
                return stride(from: 0, to: bytes.count, by: 4096).map { bytes[$0..<$0 + 4096] }
            }
            return zip(pages[0], pages[1]).count { !$0.elementsEqual($1) }
        }

        /// Copies the scene, so that a fault in one run does not affect the next one.
        func copy(for operation: Operation) throws -> TestStore {
            let copy = try TestStore()
            for name in ["store", "image", "stream", "dev"] {
                try FileManager.default.copyItem(
                    atPath: store.scratch.file(name).string, toPath: copy.scratch.file(name).string)
            }
            switch operation {
            case .saveLost, .reindexLost:
                try removeFile(copy.path.appending("store.json"))
                try removeFile(copy.path.appending("index.sqlite"))
            case .restoreForced:
                try copy.scratch.write([1], to: "output")
                try copy.scratch.write([2], to: "output.dev")
            case .restoreInPlace: try next.write(to: copy.scratch.file("output"))
            default: break
            }
            return copy
        }
    }

    private static func run(
        _ operation: Operation, in store: TestStore, _ calls: SystemCalls
    ) throws {
        switch operation {
        case .saveFull, .saveDelta, .saveLost:
            var save = Save(.image(store.scratch.file("image"), nil), guest: store.guest)
            save.deviceStates = [try Scene.state(in: store)]
            if operation == .saveFull { save.parent = .none }
            _ = try save.run(in: store.path, .testing(calls, warn: { _ in }))
        case .saveStream: _ = try Scene.saveStream(in: store, calls)
        case .restore, .restoreDevices, .restoreForced, .restoreInPlace, .restoreStream:
            let output = store.scratch.file("output")
            var restore = Restore(
                try Scene.reference(operation == .restoreStream ? "s:1" : "g:4"),
                to: operation == .restoreInPlace ? .inPlace(output) : .file(output))
            if operation == .restoreStream { restore.form = .stream }
            if operation == .restoreDevices || operation == .restoreForced {
                restore.deviceState = store.scratch.file("output.dev")
            }
            restore.isForced = operation == .restoreForced
            restore.isSynchronized = operation != .restoreForced
            _ = try restore.run(in: store.path, .testing(calls))
        case .deleteOne, .deleteSeveral, .deleteLast:
            var delete = try Delete(
                operation.victims.map { try Scene.reference("\(operation.guest):\($0)") })
            delete.allowsLast = true
            _ = try delete.run(in: store.path, .testing(calls, warn: { _ in }))
        case .reindex, .reindexLost:
            let outcome = try Reindex().run(in: store.path, .testing(calls, warn: { _ in }))
            // snap reports a file that it could not read; the user then repeats the command.
            if outcome.damagedFileCount > 0 {
                _ = try Reindex().run(in: store.path, .testing(warn: { _ in }))
            }
        case .diff:
            let diff = DeviceDiff(
                from: try Scene.reference("g:1"), to: try Scene.reference("g:4"))
            let outcome = try diff.run(in: store.path, .testing(calls))
            #expect(outcome.sections.map(\.change) == [.changed])
        case .diffPages:
            let diff = PageDiff(from: try Scene.reference("g:1"), to: try Scene.reference("g:4"))
            let outcome = try diff.run(in: store.path, .testing(calls))
            let changedCount = try Scene.made.get().differingPageCount("g:1", "g:4")
            #expect(outcome.blocks.map(\.changedCount) == [changedCount])
        case .status:
            let status = try Status().run(in: store.path, .testing(calls, warn: { _ in }))
            #expect(status.guests.map(\.checkpointCount) == [3, 1])
        case .verify, .routine:
            // snap reports a file that it cannot read as damage, and nothing else.
            var verify = Verify()
            if operation == .routine { verify.timeLimit = .seconds(3600) }
            let outcome = try verify.run(in: store.path, .testing(calls, warn: { _ in }))
            let isUnread = outcome.damage.contains { $0.code == .inputOutput }
            #expect(outcome.isIntact || isUnread, "\(outcome.damage)")
        }
    }

    /// Reads the lengths of all files in a store, by path.
    private static func fileLengths(in store: TestStore) throws -> [String: Int] {
        var lengths: [String: Int] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: store.path.string) {
            var status = stat()
            guard stat(store.path.appending(name).string, &status) == 0 else { continue }
            lengths[name] = Int(status.st_size)
        }
        return lengths
    }

    @Test(
        "a failed command throws the right error, and leaves an intact store and no partial output",
        .slow,
        arguments: Operation.allCases, FaultPlan.Fault.sampled)
    func sweep(operation: Operation, fault: FaultPlan.Fault) throws {
        let scene = try Scene.made.get()
        var call = 0
        // A quick run tries a few calls, other ones for each fault.
        let isComplete = FaultPlan.Fault.isComplete
        let first = FaultPlan.Fault.sampled.firstIndex(of: fault) ?? 0
        try FaultPlan.sweep(
            fault, past: 15, of: operation.rawValue, from: isComplete ? 0 : first,
            stride: isComplete ? 1 : 11
        ) { plan, what in
            let store = try scene.copy(for: operation)
            let before = try Self.fileLengths(in: store)
            let identity = try bytes(of: scene.store.path.appending("store.json"))
            var failure: SnapError?
            do { try Self.run(operation, in: store, SystemCalls(faults: plan)) } catch {
                failure = try #require(error as? SnapError)
            }
            if let failure {
                #expect(fault.codes.contains(failure.code), "\(what): \(failure)")
                #expect(failure.path != nil, "\(what): \(failure)")
            }
            if operation.isRestore {
                try Self.checkOutputs(operation, scene, store, failure, fault, what)
            }
            if operation.isReading {
                #expect(try Self.fileLengths(in: store) == before, "\(what)")
            } else {
                if exists(store.path.appending("store.json")) {
                    // All later commands would trust a wrong identity.
                    #expect(
                        try bytes(of: store.path.appending("store.json")) == identity, "\(what)")
                }
                try Self.checkRecovery(operation, scene, store, failure, call, what)
            }
            call += 1
        }
    }

    private static func checkOutputs(
        _ operation: Operation, _ scene: Scene, _ store: TestStore, _ failure: SnapError?,
        _ fault: FaultPlan.Fault, _ what: String
    ) throws {
        let path = store.scratch.file("output")
        let found = exists(path) ? try bytes(of: path) : nil
        let expected = operation == .restoreStream ? scene.stream : scene.memories["g:4"]
        let isIntact = found == expected
        if failure == nil { #expect(isIntact, "\(what)") }
        switch operation {
        case .restoreInPlace:
            if !isIntact && found != scene.next.bytes {
                #expect(failure?.hint?.contains("partly old") == true, "\(what)")
            }
        case .restoreForced: #expect(isIntact || found == [1], "\(what)")
        default: #expect(isIntact || found == nil, "\(what)")
        }
        let devices = store.scratch.file("output.dev")
        guard operation == .restoreDevices || operation == .restoreForced else { return }
        let state = exists(devices) ? try bytes(of: devices) : nil
        let isStateWhole = state == TestStore.deviceState(4)
        if failure == nil { #expect(isStateWhole, "\(what)") }
        let previous: [UInt8]? = operation == .restoreForced ? [2] : nil
        #expect(isStateWhole || state == previous, "\(what)")
        if fault != .stop {
            let names = try names(in: store.scratch.path)
            #expect(!names.contains { $0.hasPrefix(".snap-") }, "\(what): \(names)")
        }
    }

    /// Expects that all checkpoints restore unchanged, before and after two more saves.
    ///
    /// For every other call, the index is rebuilt before these saves.
    private static func checkRecovery(
        _ operation: Operation, _ scene: Scene, _ store: TestStore, _ failure: SnapError?,
        _ call: Int, _ what: String
    ) throws {
        let live = try Set(
            ["g", "s"].flatMap { guest in
                try names(in: store.scratch.guest(guest)).filter { $0.hasSuffix(".savevm") }
                    .map { "\(guest):\(Int($0.prefix(10)) ?? 0)" }
            })
        let victims = Set(operation.victims.map { "\(operation.guest):\($0)" })
        let made = operation.isSave ? (operation == .saveStream ? "s:2" : "g:5") : ""
        let known = Set(scene.memories.keys)
        #expect(live.isSuperset(of: known.subtracting(victims)), "\(what): \(live)")
        #expect(live.isSubset(of: known.union([made])), "\(what): \(live)")
        if failure == nil {
            #expect(live.isDisjoint(with: victims), "\(what): \(live)")
            if operation.isSave { #expect(live.contains(made), "\(what): \(live)") }
        }
        let isIndexed = exists(store.path.appending("index.sqlite"))
        if isIndexed { try check(live.intersection(known), scene, store, what) }
        // Where the index was lost, the records of verifications are lost.
        let context = WorkContext.testing(warn: { warning in
            let isExpected = operation.losesIndex && warning.isLossOfRecords
            if !isExpected { Issue.record("\(what): \(warning)") }
        })
        if call % 2 == 1 {
            _ = try Reindex().run(in: store.path, context)
            #expect(try Set(store.list().map(\.name.description)) == live, "\(what)")
        }
        let again = try store.save(at: store.scratch.file("image"), in: context)
        let stream = try Scene.saveStream(in: store, .kernel)
        let all = live.union([again.name.description, stream.name.description])
        #expect(all.count == live.count + 2, "\(what)")
        #expect(try Set(store.list().map(\.name.description)) == all, "\(what)")
        try check(live.intersection(known), scene, store, what)
        for reference in all where reference.hasPrefix("g") && !known.contains(reference) {
            let output = try Scene.restored(reference, in: store)
            #expect(try bytes(of: output) == scene.next.bytes, "\(what): \(reference)")
        }
        for guest in ["g", "s"] {
            let names = try names(in: store.scratch.guest(guest))
            let states = names.filter { $0.hasSuffix(".devstate") }.map { $0.prefix(10) }
            let alone = states.filter { !names.contains("\($0).savevm") }
            #expect(alone.isEmpty && !names.contains { $0.hasPrefix(".") }, "\(what): \(names)")
            let (_, retired, bases) = try store.deviceStates(
                of: try GuestName(checking: guest, as: "guest"))
            #expect(bases.isSuperset(of: retired), "\(what): \(names)")
        }
    }

    private static func check(
        _ references: Set<String>, _ scene: Scene, _ store: TestStore, _ what: String
    ) throws {
        for reference in references {
            let output = try Scene.restored(reference, in: store)
            #expect(try bytes(of: output) == scene.memories[reference], "\(what): \(reference)")
            try removeFile(output)
        }
    }
}
