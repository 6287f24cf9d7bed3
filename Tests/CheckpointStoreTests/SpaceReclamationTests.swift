import CheckpointStore
import Foundation
import SavevmFormat
import SnapSystem
import TestSupport
import Testing

@Suite("Space of deleted checkpoints")
struct SpaceReclamationTests {
    /// Frees space like a deletion that has already renamed its files.
    private static func run(_ fixture: StoreFixture) throws -> SpaceReclamation.Outcome {
        let store = try fixture.open()
        return try SpaceReclamation(of: fixture.directory, fixture.context).run(store.index)
    }

    private static func note(_ retired: Set<Int>, _ fixture: StoreFixture) throws {
        let store = try fixture.open()
        let reclamation = SpaceReclamation(of: fixture.directory, fixture.context)
        #expect(try reclamation.recordRetired(retired, in: store.index) == 0)
    }

    @Test(
        "exactly the files that no remaining file refers to are freed, as planned",
        arguments: 0..<12)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        var fixture = try StoreFixture()
        var references: [Int: Set<Int>] = [:]
        let count = Int.random(in: 2...9, using: &generator)
        for number in 1...count {
            references[number] = Set(
                (1..<number).filter { _ in
                    Int.random(in: 0..<3, using: &generator) == 0
                })
            try fixture.write(number, referringTo: references[number] ?? [])
        }
        try fixture.reconcile()
        var live = Set(1...count)
        while !live.isEmpty {
            let victims = Set(live.filter { _ in Int.random(in: 0..<3, using: &generator) == 0 })
            let plan = try SpaceReclamation(of: fixture.directory, fixture.context)
                .plan(without: victims)
            let before = try fixture.directory.listing()
            var sizes: [Int: Int] = [:]
            for number in before.savevm { sizes[number] = try fixture.byteCount(.savevm(number)) }
            for number in before.retired {
                sizes[number] = try fixture.byteCount(.retired(number))
            }
            for victim in victims { try fixture.retire(victim) }
            live.subtract(victims)
            try Self.note(victims, fixture)
            let outcome = try Self.run(fixture)
            let needed = live.reduce(into: Set<Int>()) { $0.formUnion(references[$1] ?? []) }
            let retired = before.retired.union(victims)
            let unneeded = retired.subtracting(needed)
            let after = try fixture.directory.listing()
            #expect(after.savevm == live)
            // The header of the file with the highest number stays, so that the number stays taken.
            #expect(after.retired == retired.intersection(needed.union([count])), "seed \(seed)")
            let freed = unneeded.reduce(0) { sum, number in
                sum + (sizes[number] ?? 0) - (number == count ? FileHeader.byteCount : 0)
            }
            #expect(outcome.freedByteCount == freed, "seed \(seed)")
            #expect(outcome.keptFileCount == retired.count - unneeded.count, "seed \(seed)")
            #expect(plan.freedByteCount == outcome.freedByteCount, "seed \(seed)")
            #expect(plan.keptFileCount == outcome.keptFileCount, "seed \(seed)")
            if unneeded.contains(count) {
                #expect(try fixture.byteCount(.retired(count)) == FileHeader.byteCount)
            }
            let rows = try fixture.open().index.numbers(of: fixture.guest)
            #expect(rows.live.isDisjoint(with: unneeded) && rows.retired == after.retired)
        }
        #expect(fixture.warnings.all.isEmpty)
    }

    @Test("space is not freed while a reader can use it")
    func readers() throws {
        var fixture = try StoreFixture()
        for number in 1...3 { try fixture.write(number) }
        try fixture.reconcile()
        try fixture.retire(1)
        try Self.note([1], fixture)
        let captured = fixture
        let outcome = try fixture.directory.withReaderLock(fixture.context) {
            () throws(SnapError) in
            let store = try captured.open()
            return try SpaceReclamation(of: captured.directory, captured.context).run(store.index)
        }
        #expect(outcome.freedByteCount == 0 && exists(fixture.path(.retired(1))))
        #expect(fixture.warnings.all.map(\.code) == [.busy])
        #expect(try Self.run(fixture).freedByteCount > 0)
        #expect(!exists(fixture.path(.retired(1))))
    }

    @Test("space is not freed while a remaining file cannot be read")
    func unreadable() throws {
        var fixture = try StoreFixture()
        for number in 1...3 { try fixture.write(number) }
        try fixture.reconcile()
        try fixture.retire(1)
        try Self.note([1], fixture)
        let complete = try bytes(of: fixture.path(.savevm(2)))
        try write(Array(complete.dropLast()), to: fixture.path(.savevm(2)))
        let outcome = try Self.run(fixture)
        #expect(outcome.freedByteCount == 0 && exists(fixture.path(.retired(1))))
        #expect(fixture.warnings.all.map(\.path) == [fixture.path(.savevm(2))])
        try write(complete, to: fixture.path(.savevm(2)))
        #expect(try Self.run(fixture).freedByteCount > 0)
    }

    @Test("without an index, unneeded files are truncated to their headers instead of deleted")
    func withoutIndex() throws {
        var fixture = try StoreFixture()
        for number in 1...3 { try fixture.write(number, referringTo: number == 3 ? [2] : []) }
        try fixture.reconcile()
        for number in [1, 2] { try fixture.retire(number) }
        let size = try fixture.byteCount(.retired(1))
        let outcome = try SpaceReclamation(of: fixture.directory, fixture.context).run(nil)
        #expect(outcome.freedByteCount == size && outcome.keptFileCount == 1)
        #expect(try fixture.byteCount(.retired(1)) == FileHeader.byteCount)
        #expect(try fixture.byteCount(.retired(2)) > FileHeader.byteCount)
    }
}
