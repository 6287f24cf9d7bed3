import CheckpointStore
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Failing system calls of retention")
struct PruneFaultTests {
    /// A store with checkpoints of which a policy deletes most, so that files are unlinked,
    /// rewritten and punched.
    private struct Fixture {
        let store: TestStore
        let images: [GeneratedImage]
        let next: GeneratedImage

        static let count = 6

        init() throws {
            store = try TestStore()
            var generator = Seeded(21)
            var image = GeneratedImage(pageCount: 700)
            image.edit(300, &generator)
            var images: [GeneratedImage] = []
            for number in 1...Self.count {
                let state = try store.writeDeviceState(number)
                try store.save(image) { $0.deviceStates = [state] }
                images.append(image)
                image.edit(60, &generator)
            }
            self.images = images
            next = image
        }

        /// All listed checkpoints restore, and those that the policy keeps are listed.
        func check(_ what: String, keeping kept: [Int]) throws {
            let listed = try store.list().map(\.number)
            #expect(Set(kept).isSubset(of: listed), "\(what): \(listed)")
            for number in listed where number <= Self.count {
                #expect(try store.restores(number, to: images[number - 1]), "\(what): \(number)")
                #expect(try store.restoresDeviceState(number), "\(what): \(number)")
            }
        }
    }

    /// The first call that a quick run lets fail: other calls for each fault.
    private static func first(_ fault: FaultPlan.Fault) -> Int {
        FaultPlan.Fault.isComplete ? 0 : 3 * (FaultPlan.Fault.sampled.firstIndex(of: fault) ?? 0)
    }

    private static let policy = {
        var policy = RetentionPolicy()
        policy.lastCount = 2
        return policy
    }()

    @Test(
        "a failed prune loses nothing, and a retry completes it", .slow,
        arguments: FaultPlan.Fault.sampled)
    func prune(fault: FaultPlan.Fault) throws {
        let stride = FaultPlan.Fault.isComplete ? 1 : 17
        try FaultPlan.sweep(
            fault, past: 100, of: "prune", from: Self.first(fault), stride: stride
        ) { plan, what in
            let fixture = try Fixture()
            let context = WorkContext.testing(SystemCalls(faults: plan), warn: { _ in })
            let failure = try fault.failure(of: what) {
                let outcome = try Prune(Self.policy).run(in: fixture.store.path, context)
                if let failed = outcome.failures.first { throw failed.error }
            }
            let listed = try fixture.store.list().count
            // A checkpoint that cannot be read at the moment counts as damaged, and stays.
            if failure == nil { #expect(listed == 2 || !fault.isHarmless, "\(what)") }
            _ = try Prune(Self.policy).run(in: fixture.store.path, .testing(warn: { _ in }))
            try fixture.check(what, keeping: [5, 6])
            #expect(try fixture.store.list().count == 2, "\(what)")
            // Nothing is left over, and the space is freed as if nothing had failed.
            let left = try names(in: fixture.store.guestPath)
            #expect(!left.contains { $0.hasPrefix(".snap") }, "\(what): \(left)")
            let (live, retired, bases) = try fixture.store.deviceStates()
            #expect(live == [5, 6] && retired == [1] && bases == [1], "\(what): \(left)")
        }
    }

    @Test(
        "a save with a policy that fails loses nothing, and reports whether it has saved", .slow,
        arguments: FaultPlan.Fault.sampled)
    func save(fault: FaultPlan.Fault) throws {
        let stride = FaultPlan.Fault.isComplete ? 1 : 29
        try FaultPlan.sweep(
            fault, past: 150, of: "save with a policy", from: Self.first(fault), stride: stride
        ) { plan, what in
            let fixture = try Fixture()
            let image = fixture.store.scratch.file("next")
            try fixture.next.write(to: image)
            var save = Save(.image(image, nil), guest: fixture.store.guest)
            save.retention = Self.policy
            let context = WorkContext.testing(SystemCalls(faults: plan), warn: { _ in })
            var outcome: Save.Outcome?
            let failure = try fault.failure(of: what) {
                outcome = try save.run(in: fixture.store.path, context)
            }
            let isCommitted = exists(fixture.store.guestPath.appending("0000000007.savevm"))
            #expect(outcome == nil ? failure != nil : isCommitted, "\(what)")
            if case .failure(let error) = outcome?.pruned {
                #expect(!fault.isHarmless, "\(what): \(error)")
            }
            let again = try fixture.store.save(at: image, in: .testing(warn: { _ in })) {
                $0.retention = Self.policy
            }
            #expect(again.number == (isCommitted ? 8 : 7), "\(what)")
            #expect(try fixture.store.restores(again.number, to: fixture.next), "\(what)")
            try fixture.check(what, keeping: [again.number - 1, again.number])
            #expect(try fixture.store.list().count == 2, "\(what)")
        }
    }

    @Test(
        "a save that finds the disk full makes room by its policy and succeeds", .slow,
        arguments: [Errno.noSpace, .diskQuotaExceeded])
    func fullDisk(errno: Errno) throws {
        var retriedCount = 0
        let stride = FaultPlan.Fault.isComplete ? 1 : 17
        try FaultPlan.sweep(
            .fail(errno), past: 60, of: "save with a policy, disk full", stride: stride
        ) { plan, what in
            let fixture = try Fixture()
            let image = fixture.store.scratch.file("next")
            try fixture.next.write(to: image)
            var save = Save(.image(image, nil), guest: fixture.store.guest)
            save.retention = Self.policy
            let before = try fixture.store.diskByteCount()
            let context = WorkContext.testing(SystemCalls(faults: plan), warn: { _ in })
            guard let outcome = try? save.run(in: fixture.store.path, context) else {
                // A fault before the save itself, such as while the lock is taken, is final.
                return try fixture.check(what, keeping: Array(1...Fixture.count))
            }
            #expect(outcome.checkpoint.number == 7, "\(what)")
            #expect(try fixture.store.restores(7, to: fixture.next), "\(what)")
            if try fixture.store.diskByteCount() < before { retriedCount += 1 }
        }
        #expect(retriedCount > 2)
    }
}
