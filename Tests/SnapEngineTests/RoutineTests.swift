import CheckpointStore
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Routine verification")
struct RoutineTests {
    /// Two guests with a few checkpoints each, some of which are deleted.
    private struct Fixture {
        let store: TestStore
        let other: TestStore

        init() throws {
            store = try TestStore()
            other = try TestStore(in: store, guest: "h")
            var generator = Seeded(17)
            for guest in [store, other] {
                var image = GeneratedImage(pageCount: 1300)
                for page in 0..<700 { image.pages[page] = GeneratedImage.noise(&generator) }
                for _ in 0..<5 {
                    try guest.save(image)
                    image.edit(30, &generator)
                }
                let numbers = [2, 4].map { CheckpointSpecifier.number(guest.guest, $0) }
                _ = try Delete(numbers).run(in: store.path, .testing())
            }
        }

        func verify(
            _ context: WorkContext = .testing(), _ configure: (inout Verify) -> Void = { _ in }
        ) throws -> Verify.Outcome {
            var verify = Verify()
            configure(&verify)
            return try verify.run(in: store.path, context)
        }

        func records(_ guest: TestStore) throws -> VerificationRecords {
            try Store(reading: store.path, .testing()).index.verificationRecords(of: guest.guest)
        }
    }

    private static let never = Timestamp(secondsSinceEpoch: 0)

    @Test("runs with a time limit read each page once and cover the store", arguments: [1, 2])
    func nights(jobs: Int) throws {
        let all = try Fixture().verify { $0.timeLimit = .seconds(3600) }
        #expect(all.isIntact && all.remainingFileCount == 0 && all.verifiedFileCount == 10)
        let fixture = try Fixture()
        var counts: [Int] = []
        var isDone = false
        while !isDone {
            // Without any time, a run reads one group, and those that are in flight.
            let night = try fixture.verify(.testing(jobs: jobs)) {
                $0.timeLimit = .zero
                $0.notSince = Self.never
            }
            #expect(night.isIntact)
            counts.append(night.checkedPageCount)
            isDone = night.remainingFileCount == 0
            if counts.count > 200 { break }
        }
        #expect(counts.count > 20, "\(counts)")
        #expect(counts.reduce(0, +) == all.checkedPageCount)
        for guest in [fixture.store, fixture.other] {
            let files = try fixture.records(guest).files
            #expect(Set(files.keys) == [1, 2, 3, 4, 5])
            #expect(files.values.allSatisfy { $0.verifiedAt != nil && $0.resumeGroup == 0 })
        }
        // Nothing is due any more, until a new checkpoint is.
        #expect(try fixture.verify { $0.notSince = Self.never }.checkedPageCount == 0)
        var image = GeneratedImage(pageCount: 1300)
        image.pages[3] = GeneratedImage.text(3)
        try fixture.store.save(image)
        let next = try fixture.verify { $0.notSince = Self.never }
        #expect(next.checkedPageCount == 1 && next.verifiedFileCount == 1)
    }

    @Test("a full verification counts for the routine", arguments: [false, true])
    func full(isQuick: Bool) throws {
        let fixture = try Fixture()
        #expect(try fixture.verify { $0.isQuick = isQuick }.isIntact)
        let routine = try fixture.verify { $0.notSince = Self.never }
        #expect(routine.verifiedFileCount == (isQuick ? 10 : 0))
    }

    @Test("a flipped byte is found, and exactly the checkpoints that it costs are named", .slow)
    func flips() throws {
        let fixture = try DamageFixture()
        let store = fixture.store
        _ = try Delete([.number(store.guest, 2)]).run(in: store.path, .testing())
        var foundCount = 0
        for name in try names(in: store.guestPath).filter({ !$0.hasSuffix(".lock") }) {
            let path = store.guestPath.appending(name)
            let original = try bytes(of: path)
            let stride = FaultPlan.Fault.isComplete ? 1 : 41
            for offset in Swift.stride(from: 0, to: original.count, by: stride) {
                var damaged = original
                damaged[offset] ^= 0x10
                try write(damaged, to: path)
                let lost = try [1, 3].filter { try !fixture.restores($0) }
                var verify = Verify()
                verify.timeLimit = .seconds(3600)
                let outcome = try verify.run(in: store.path, .testing())
                let named = outcome.verdicts.filter { !$0.isIntact }.map(\.name.number)
                #expect(named == lost, "\(name), byte \(offset): \(outcome.damage)")
                #expect(outcome.damage.isEmpty == lost.isEmpty, "\(name), byte \(offset)")
                foundCount += lost.isEmpty ? 0 : 1
            }
            try write(original, to: path)
        }
        #expect(foundCount > 30)
        // What was found is intact again, and is forgotten.
        var verify = Verify()
        verify.notSince = Self.never
        #expect(try verify.run(in: store.path, .testing()).isIntact)
        let records = try Store(reading: store.path, .testing()).index
            .verificationRecords(of: store.guest)
        #expect(records.damage.isEmpty && records.damagedCheckpoints.isEmpty)
    }

    @Test("damage is recorded once, with the time when it was first found")
    func recorded() throws {
        let fixture = try Fixture()
        let path = fixture.store.guestPath.appending("0000000001.savevm")
        let original = try bytes(of: path)
        var damaged = original
        damaged[620 * 4120] ^= 1
        try write(damaged, to: path)
        for configure: (inout Verify) -> Void in [
            { _ in }, { $0.isQuick = true }, { $0.timeLimit = .seconds(60) },
            { $0.specifiers = [.number(fixture.store.guest, 1)] },
        ] {
            #expect(try !fixture.verify(.testing(), configure).isIntact)
            let records = try fixture.records(fixture.store)
            #expect(records.damage.count == 1)
            guard case .cluster(let slots, _, number: 1) = records.damage[0].part else {
                Issue.record("\(records.damage)")
                continue
            }
            #expect((11...12).contains(slots.count) && records.damagedCheckpoints.contains(1))
        }
        #expect(try fixture.records(fixture.other).damage.isEmpty)
        try write(original, to: path)
        #expect(
            try fixture.verify { $0.specifiers = [.latest(fixture.store.guest, back: 0)] }.isIntact)
        let records = try fixture.records(fixture.store)
        #expect(records.damage.isEmpty && records.damagedCheckpoints.isEmpty)
    }

    @Test("an I/O error is reported, and neither recorded as damage nor as verified")
    func inputOutput() throws {
        let fixture = try Fixture()
        var call = 0
        var unreadableCount = 0
        while true {
            let plan = FaultPlan(at: call, .fail(.ioError))
            let outcome = try? fixture.verify(.testing(SystemCalls(faults: plan), warn: { _ in })) {
                $0.timeLimit = .seconds(60)
            }
            if plan.callCount <= call { break }
            for guest in [fixture.store, fixture.other] {
                #expect(try fixture.records(guest).damage.isEmpty, "call \(call)")
            }
            if let outcome, !outcome.isIntact { unreadableCount += 1 }
            call += FaultPlan.Fault.isComplete ? 1 : 13
        }
        #expect(unreadableCount > 5 && call > 200)
    }

    @Test("reindex carries the records over, and says if it cannot")
    func reindex() throws {
        let fixture = try Fixture()
        let path = fixture.store.guestPath.appending("0000000001.savevm")
        var damaged = try bytes(of: path)
        damaged[620 * 4120] ^= 1
        try write(damaged, to: path)
        _ = try fixture.verify()
        let before = try fixture.records(fixture.store)
        #expect(before.damage.count == 1 && before.files.count == 5)
        _ = try Reindex().run(in: fixture.store.path, .testing())
        #expect(try fixture.records(fixture.store) == before)
        try write([1, 2, 3], to: fixture.store.path.appending("index.sqlite"))
        let warnings = Warnings()
        _ = try Reindex().run(in: fixture.store.path, .testing(warn: warnings.take))
        #expect(warnings.all.contains { $0.hint?.contains("snap verify") ?? false })
        #expect(try fixture.records(fixture.store).isEmpty)
    }

    @Test("a missing file is reported if checkpoints need it")
    func missing() throws {
        let fixture = try Fixture()
        try removeFile(fixture.store.guestPath.appending("0000000002.retired"))
        let outcome = try fixture.verify { $0.timeLimit = .seconds(60) }
        let lost = [1, 3, 5].filter { number in
            (try? fixture.store.restore(number)) == nil
        }
        #expect(!lost.isEmpty)
        let named = outcome.verdicts.filter { !$0.isIntact && $0.name.guest == fixture.store.guest }
        #expect(named.map(\.name.number) == lost)
        try removeFile(fixture.store.guestPath.appending("0000000005.savevm"))
        let second = try fixture.verify { $0.notSince = Self.never }
        #expect(second.verdicts.contains { $0.name.number == 5 && $0.isLost })
    }
}
