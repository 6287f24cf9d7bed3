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
        let freed = try reclamation.recordRetired(retired, in: store.index)
        #expect(freed.freedByteCount == 0)
    }

    @Test(
        "files of deleted checkpoints without live pages are unlinked, as planned", arguments: 0..<6
    )
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        var fixture = try StoreFixture()
        let count = Int.random(in: 2...9, using: &generator)
        for number in 1...count { try fixture.write(number, referringTo: Set(1..<number)) }
        try fixture.reconcile()
        var live = Set(1...count)
        while !live.isEmpty {
            let victims = Set(live.filter { _ in Int.random(in: 0..<3, using: &generator) == 0 })
            let plan = try SpaceReclamation(of: fixture.directory, fixture.context)
                .plan(without: victims)
            for victim in victims { try fixture.retire(victim) }
            live.subtract(victims)
            try Self.note(victims, fixture)
            let outcome = try Self.run(fixture)
            let after = try fixture.directory.listing()
            #expect(after.savevm == live)
            // The header of the file with the highest number stays, so that the number stays taken.
            #expect(after.retired == (live.contains(count) ? [] : [count]), "seed \(seed)")
            #expect(outcome.freedByteCount == plan.freedByteCount, "seed \(seed)")
            if !live.contains(count) {
                #expect(try fixture.byteCount(.retired(count)) == FileHeader.byteCount)
            }
            let rows = try fixture.open().index.numbers(of: fixture.guest)
            #expect(rows.live == live && rows.retired == after.retired)
        }
        #expect(fixture.warnings.all.isEmpty)
    }

    @Test("a pinned checkpoint stays, and other deleted checkpoints do not")
    func readers() throws {
        var fixture = try StoreFixture()
        for number in 1...4 { try fixture.write(number) }
        try fixture.reconcile()
        for number in [1, 2] { try fixture.retire(number) }
        try Self.note([1, 2], fixture)
        let captured = fixture
        let outcome = try fixture.directory.withPins(on: [2..<3], fixture.context) {
            () throws(SnapError) in
            let store = try captured.open()
            return try SpaceReclamation(of: captured.directory, captured.context).run(store.index)
        }
        #expect(outcome.freedByteCount > 0)
        #expect(!exists(fixture.path(.retired(1))) && exists(fixture.path(.retired(2))))
        #expect(try Self.run(fixture).freedByteCount > 0)
        #expect(!exists(fixture.path(.retired(2))))
        #expect(fixture.warnings.all.isEmpty)
    }

    @Test("space is not freed while a remaining file cannot be read, and the message names it")
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
        #expect(fixture.warnings.all[0].hint?.contains("delete g:2") ?? false)
        try write(complete, to: fixture.path(.savevm(2)))
        #expect(try Self.run(fixture).freedByteCount > 0)
    }

    @Test("without an index, files are truncated to their headers instead of unlinked")
    func withoutIndex() throws {
        var fixture = try StoreFixture()
        for number in 1...3 { try fixture.write(number) }
        try fixture.reconcile()
        try fixture.retire(1)
        let size = try fixture.byteCount(.retired(1))
        #expect(size > FileHeader.byteCount)
        _ = try SpaceReclamation(of: fixture.directory, fixture.context).run(nil)
        #expect(try fixture.byteCount(.retired(1)) == FileHeader.byteCount)
        #expect(exists(fixture.path(.savevm(2))) && exists(fixture.path(.savevm(3))))
    }

    @Test("a file with another name is replaced, so that a copy of the store keeps its bytes")
    func hardLinks() throws {
        var fixture = try StoreFixture()
        for number in 1...2 { try fixture.write(number) }
        try fixture.reconcile()
        try fixture.retire(2)
        let copy = fixture.scratch.file("copy")
        try FileManager.default.linkItem(
            atPath: fixture.path(.retired(2)).string, toPath: copy.string)
        let complete = try bytes(of: copy)
        try Self.note([2], fixture)
        _ = try Self.run(fixture)
        #expect(try fixture.byteCount(.retired(2)) == FileHeader.byteCount)
        #expect(try bytes(of: copy) == complete)
    }
}
