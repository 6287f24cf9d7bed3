import CheckpointIndex
import CheckpointStore
import Foundation
import GuestMemory
import SavevmFormat
import SnapSystem
import TestSupport
import Testing
import WorkPipeline

@Suite("Upkeep of a store")
struct UpkeepTests {
    private static func rows(_ fixture: StoreFixture) throws -> (live: Set<Int>, retired: Set<Int>)
    {
        try fixture.open().index.numbers(of: fixture.guest)
    }

    @Test(
        "after a reconciliation each file has a row, and lost files are reported",
        arguments: 0..<15)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        var fixture = try StoreFixture()
        var numbersWithRow = Set<Int>()
        for number in 1...8 {
            // Some numbers were never used.
            if Int.random(in: 0..<5, using: &generator) == 0 { continue }
            try fixture.write(number)
            if Bool.random(using: &generator) {
                try fixture.reconcile()
                numbersWithRow = try Self.rows(fixture).live
            }
        }
        // Simulate deletions that were killed, and files that a user has deleted.
        var expectedLost = Set<Int>()
        for number in try fixture.directory.listing().savevm {
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: try fixture.retire(number)
            case 1:
                try FileManager.default.removeItem(atPath: fixture.path(.savevm(number)).string)
                if numbersWithRow.contains(number) { expectedLost.insert(number) }
            default: break
            }
        }
        for name in [".snap-x", ".snap-0000000001.savevm.1", "0000000009.devstate"] {
            try write([1], to: fixture.scratch.guest().appending(name))
        }
        let before = try fixture.directory.listing()
        let outcome = try fixture.reconcile()
        let after = try fixture.directory.listing()
        #expect(after.savevm == before.savevm)
        #expect(after.temporary.isEmpty && after.deviceState.isEmpty)
        #expect(outcome.lost == expectedLost, "seed \(seed)")
        #expect(fixture.warnings.all.count == expectedLost.count, "seed \(seed)")
        let rows = try Self.rows(fixture)
        #expect(rows.live == before.savevm.union(expectedLost), "seed \(seed)")
        #expect(rows.retired == after.retired, "seed \(seed)")
        // The next number is unused, and higher than that of any file.
        #expect(!rows.live.union(rows.retired).contains(outcome.nextNumber))
        let highest = before.savevm.union(before.retired).max() ?? 0
        #expect(outcome.nextNumber > highest, "seed \(seed)")
        // A second reconciliation only reports the lost files again.
        let again = try fixture.reconcile()
        #expect(again.lost == outcome.lost && again.nextNumber == outcome.nextNumber)
        #expect(again.freedByteCount == 0)
        #expect(fixture.warnings.all.count == 2 * expectedLost.count, "seed \(seed)")
    }

    @Test("a rebuilt index has the same rows as one updated file by file", arguments: 0..<10)
    func rebuilt(seed: Int) throws {
        var generator = Seeded(100 + UInt64(seed))
        var fixture = try StoreFixture()
        for number in 1...6 {
            let references = Set((1..<number).filter { _ in Bool.random(using: &generator) })
            try fixture.write(number, referringTo: references)
            try fixture.reconcile()
        }
        try fixture.retire(2)
        try fixture.reconcile()
        let before = try fixture.open().index.checkpoints()
        let rowsBefore = try Self.rows(fixture)
        let directory = StoreDirectory(fixture.scratch.store, fixture.context)
        let context = fixture.context
        let outcome = try directory.withExclusiveLock(context) { () throws(SnapError) in
            try IndexRebuild(skipsUnreadable: false).run(in: directory, context)
        }
        #expect(outcome.guestCount == 1 && outcome.damagedFileCount == 0)
        #expect(outcome.checkpointCount == before.count)
        #expect(try fixture.open().index.checkpoints() == before)
        let rows = try Self.rows(fixture)
        #expect(rows.live == rowsBefore.live && rows.retired == rowsBefore.retired)
    }

    @Test("a directory that is not a store is not found, and an incomplete store is damaged")
    func incomplete() throws {
        let fixture = try StoreFixture()
        let context = fixture.context
        let read = { (path: String) throws(SnapError) in
            _ = try Store(reading: fixture.scratch.file(path), context)
        }
        try FileManager.default.createDirectory(
            atPath: fixture.scratch.file("empty").string, withIntermediateDirectories: false)
        for path in ["none", "empty"] {
            let error = #expect(throws: SnapError.self, "\(path)") { try read(path) }
            #expect(error?.code == .notFound, "\(path)")
        }
        _ = try fixture.open()
        try read("store")
        for name in ["index.sqlite", "store.json"] {
            let path = fixture.scratch.store.appending(name).string
            try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
            let error = #expect(throws: SnapError.self, "\(name)") { try read("store") }
            #expect(error?.code == .damaged && error?.path?.string == path, "\(name)")
            try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        }
        try read("store")
    }

    @Test("directories that a failed save has created are deleted unless they have a checkpoint")
    func newStores() throws {
        var fixture = try StoreFixture()
        _ = try fixture.open()
        let directory = StoreDirectory(fixture.scratch.store, fixture.context)
        let remove = { (isNewStore: Bool) in
            NewStoreRemoval.run(
                fixture.guest, in: directory, isNewStore: isNewStore, fixture.context)
        }
        try fixture.write(1)
        remove(true)
        #expect(exists(fixture.path(.savevm(1))))
        try FileManager.default.removeItem(atPath: fixture.path(.savevm(1)).string)
        try write([1], to: fixture.scratch.guest().appending(".snap-left"))
        remove(false)
        #expect(!exists(fixture.scratch.guest()) && exists(fixture.scratch.store))
        remove(true)
        #expect(!exists(fixture.scratch.store))
    }
}

@Suite("Resolving specifiers")
struct ResolvingTests {
    @Test("a specifier resolves to the checkpoint that a linear search finds", arguments: 0..<8)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        var fixture = try StoreFixture()
        let times = (0..<20).shuffled(using: &generator)
        for number in 1...12 where Int.random(in: 0..<4, using: &generator) > 0 {
            // Many ids share a prefix.
            let high =
                UInt64.random(in: 0..<3, using: &generator) << 60
                | UInt64.random(in: 0..<3, using: &generator) << 40 | UInt64(number)
            try fixture.write(
                number, id: Identifier(high: high, low: generator.next()),
                createdAt: 1_800_000_000 + 3600 * times[number])
        }
        try fixture.reconcile()
        let stamps = fixture.stamps
        let store = try fixture.open()
        let number = { (specifier: CheckpointSpecifier) -> Result<Int, SnapError> in
            do throws(SnapError) {
                return .success(try specifier.resolve(in: store.index).number)
            } catch { return .failure(error) }
        }
        let expect = { (specifier: CheckpointSpecifier, expected: Int?) in
            switch number(specifier) {
            case .success(let found): #expect(found == expected, "seed \(seed), \(specifier)")
            case .failure(let error):
                #expect(error.code == .notFound && expected == nil, "seed \(seed), \(specifier)")
            }
        }
        let numbers = stamps.keys.sorted()
        for back in 0...13 {
            expect(.latest(fixture.guest, back: back), numbers.dropLast(back).last)
        }
        for number in 1...13 {
            expect(
                .name(CheckpointName(guest: fixture.guest, number: number)),
                stamps[number] == nil ? nil : number)
        }
        for hour in -1...21 {
            let time = Timestamp(secondsSinceEpoch: 1_800_000_000 + 3600 * hour + 1800)
            let newest = stamps.filter { $0.value.createdAt <= time }
                .max { $0.value.createdAt < $1.value.createdAt }
            expect(.time(fixture.guest, time), newest?.key)
        }
        for (_, stamp) in stamps {
            for count in [4, 6, 10, 16, 32] {
                let prefix = stamp.id.hex.prefix(count)
                let matching = stamps.filter { $0.value.id.hex.hasPrefix(prefix) }.keys
                let text = seed % 2 == 0 ? prefix.uppercased() : String(prefix)
                if matching.count == 1 {
                    expect(.guestOrID(text), matching.first)
                } else if case .failure(let error) = number(.guestOrID(text)) {
                    #expect(error.code == .usage, "seed \(seed), \(text)")
                } else {
                    Issue.record("seed \(seed): \(text) matches \(matching.count) ids")
                }
            }
        }
        expect(.guestOrID("g"), numbers.last)
        expect(.guestOrID("h"), nil)
        expect(.guestOrID("ffff"), nil)
    }
}
