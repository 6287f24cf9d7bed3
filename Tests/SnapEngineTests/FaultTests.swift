import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Failing system calls")
struct FaultTests {
    /// A store with two checkpoints, their images, and the next image to save.
    private struct Fixture {
        let store: TestStore
        let images: [GeneratedImage]
        let next: GeneratedImage
        let state: Save.DeviceState

        init() throws {
            store = try TestStore()
            var generator = Seeded(11)
            var image = GeneratedImage(pageCount: 1100)
            image.edit(60, &generator)
            var images: [GeneratedImage] = []
            for _ in 0..<2 {
                images.append(image)
                let state = try store.writeDeviceState(images.count)
                try store.save(image) { $0.deviceStates = [state] }
                image.edit(10, &generator)
            }
            self.images = images
            next = image
            state = try store.writeDeviceState(3)
        }

        func checkHistory(_ what: String) throws {
            for (index, image) in images.enumerated() {
                #expect(try store.restores(index + 1, to: image), "\(what): \(index + 1)")
            }
        }
    }

    @Test(
        "a failed save loses nothing, and a retry succeeds", .slow,
        arguments: FaultPlan.Fault.sampled)
    func save(fault: FaultPlan.Fault) throws {
        try FaultPlan.sweep(fault, past: 60, of: "save, incremental") { plan, what in
            let fixture = try Fixture()
            var store = fixture.store
            store.calls = SystemCalls(faults: plan)
            let image = store.scratch.file("next")
            try fixture.next.write(to: image)
            let warnings = Warnings()
            let failure = try fault.failure(of: what) {
                try store.save(at: image, in: .testing(store.calls, warn: warnings.take)) {
                    $0.deviceStates = [fixture.state]
                }
            }
            // The new checkpoint restores or does not exist.
            let committed = try store.isCommitted(
                3, what, after: failure, wasKilled: fault == .stop)
            try fixture.checkHistory(what)
            // A retry succeeds, and adopts or deletes what the failed save has left.
            let again = try fixture.store.save(at: image)
            #expect(again.number == (committed ? 4 : 3), "\(what)")
            #expect(try fixture.store.restores(again.number, to: fixture.next), "\(what)")
            if committed {
                #expect(again.pages.changed == 0, "\(what)")
                #expect(try fixture.store.restores(3, to: fixture.next), "\(what)")
            }
            let numbers = try fixture.store.list().map(\.number)
            #expect(numbers == Array(1...again.number), "\(what)")
        }
    }

    @Test("a retry of a failed first save succeeds", .slow, arguments: FaultPlan.Fault.sampled)
    func firstSave(fault: FaultPlan.Fault) throws {
        var image = GeneratedImage(pageCount: 8)
        image.pages[3] = GeneratedImage.text(3)
        try FaultPlan.sweep(fault, past: 60, of: "save, first of a store") { plan, what in
            var store = try TestStore()
            store.calls = SystemCalls(faults: plan)
            let file = store.scratch.file("image")
            try image.write(to: file)
            _ = try? store.save(at: file, in: .testing(store.calls, warn: { _ in }))
            store.calls = .kernel
            let again = try store.save(at: file)
            #expect(try store.restores(again.number, to: image), "\(what)")
            #expect(
                try store.list().map(\.number) == Array(1...again.number),
                "\(what)")
        }
    }

    @Test(
        "a failed restore leaves no output, and a retry succeeds",
        .slow,
        arguments: FaultPlan.Fault.sampled)
    func restore(fault: FaultPlan.Fault) throws {
        let fixture = try Fixture()
        try fixture.store.save(fixture.next) { $0.deviceStates = [fixture.state] }
        try FaultPlan.sweep(fault, past: 40, of: "restore with device state") { plan, what in
            let output = fixture.store.scratch.file("output")
            let device = fixture.store.scratch.file("device")
            var restore = Restore(.number(fixture.store.guest, 3), to: .file(output))
            restore.deviceState = device
            restore.isSynchronized = true
            let failure = try fault.failure(of: what) {
                _ = try restore.run(in: fixture.store.path, .testing(SystemCalls(faults: plan)))
            }
            if exists(output) {
                #expect(try fixture.next.equals(output), "\(what)")
                try removeFile(output)
            } else {
                #expect(failure != nil, "\(what)")
            }
            if exists(device) {
                #expect(try bytes(of: device) == TestStore.deviceState(3), "\(what)")
                try removeFile(device)
            }
            let files = try names(in: fixture.store.guestPath).filter { !$0.hasSuffix(".lock") }
            #expect(files.count == 6, "\(what)")
            #expect(try fixture.store.restores(3, to: fixture.next), "\(what)")
        }
    }

    @Test("a failed reindex does not lose the index", arguments: FaultPlan.Fault.sampled)
    func reindex(fault: FaultPlan.Fault) throws {
        let fixture = try Fixture()
        let before = try fixture.store.list()
        try FaultPlan.sweep(fault, past: 30, of: "reindex") { (plan, what) throws in
            let outcome = try? Reindex().run(
                in: fixture.store.path, .testing(SystemCalls(faults: plan), warn: { _ in }))
            // snap reports a file that it could not read; the user then repeats the command.
            if let outcome, outcome.damagedFileCount > 0 {
                _ = try Reindex().run(in: fixture.store.path, .testing() { _ in })
            }
            #expect(try fixture.store.list() == before, "\(what)")
        }
    }
}
