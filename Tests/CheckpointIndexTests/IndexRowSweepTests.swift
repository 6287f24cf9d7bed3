import CheckpointIndex
import Foundation
import GRDB
import GuestMemory
import SnapSystem
import TestSupport
import Testing

/// Puts values that snap never writes into each column of each table, under snap's own schema.
@Suite("Unexpected values in the index")
struct IndexRowSweepTests {
    private static let tables = [
        "guest", "file", "checkpoint", "ram_block", "device_section", "reference",
        "verified_file", "damaged_part", "damaged_checkpoint", "reclamation",
    ]

    /// The values, as SQL expressions.
    private static let unexpectedValues = [
        "NULL", "''", "'text'", "'7'", "7", "x'00ff'", "x'37'", "-1", "0", "2147483648",
        "4611686018427387904", "9223372036854775807", "-9223372036854775807 - 1", "16777215",
        "16777216", "1.5", "9e999",
        // 1 MiB.
        "replace(hex(zeroblob(524288)), '0', 'n')",
        // Control characters, direction marks, NUL.
        "char(27, 91, 50, 74, 8238, 8294, 10, 127, 155, 0, 65)",
        // Invalid UTF-8.
        "CAST(x'ff41c328' AS TEXT)",
    ]

    /// The SQL of a table without types and constraints that has the same layout in the file.
    private static func laxTable(_ table: String, _ database: Database) throws -> String {
        if table == "guest" {
            return "CREATE TABLE guest (guest_id INTEGER PRIMARY KEY, name UNIQUE)"
        }
        if table == "reclamation" {
            return "CREATE TABLE reclamation (guest_id INTEGER PRIMARY KEY, walked_at, "
                + "unneeded_byte_count)"
        }
        let columns = try database.columns(in: table).map {
            $0.name == "id" ? "id UNIQUE" : $0.name
        }
        let key = try database.primaryKey(table).columns.joined(separator: ", ")
        let list = columns.joined(separator: ", ")
        return "CREATE TABLE \(table) (\(list), PRIMARY KEY (\(key))) WITHOUT ROWID"
    }

    /// The SQL condition for the row that gets the value, which belongs to checkpoint b:2.
    private static func condition(_ table: String) -> String {
        switch table {
        case "guest": "name = 'b'"
        case "reclamation": "guest_id = 2"
        case "ram_block", "device_section": "guest_id = 2 AND number = 2 AND position = 0"
        case "reference": "guest_id = 2 AND number = 2 AND first_number = 1"
        default: "guest_id = 2 AND number = 2"
        }
    }

    private let fixture: IndexFixture

    init() throws { fixture = try IndexFixture() }

    @Test("an unexpected value affects only its own checkpoint or guest", .slow, arguments: tables)
    func sweep(table: String) throws {
        var own = ""
        var columns: [String] = []
        let lax = try IndexFixture(try bytes(of: fixture.path), of: fixture)
        try lax.edit { database in
            columns = try database.columns(in: table).map(\.name)
            let sql = "SELECT sql FROM sqlite_schema WHERE name = ?"
            own = try #require(try String.fetchOne(database, sql: sql, arguments: [table]))
            try Self.setSchema(try Self.laxTable(table, database), of: table, database)
        }
        let laxBytes = try bytes(of: lax.path)
        var doneCount = 0
        for column in columns {
            for value in Self.unexpectedValues {
                try write(laxBytes, to: lax.path)
                var isRefused = false
                try lax.edit { database in
                    do {
                        let sql = "UPDATE \(table) SET \(column) = \(value)"
                        try database.execute(sql: "\(sql) WHERE \(Self.condition(table))")
                        #expect(database.changesCount == 1)
                    } catch let error as DatabaseError
                        where [.SQLITE_CONSTRAINT, .SQLITE_MISMATCH].contains(error.resultCode)
                    {
                        // SQLite refuses NULL in a key, and a row ID that is not an integer.
                        isRefused = true
                    }
                    try Self.setSchema(own, of: table, database)
                }
                if isRefused { continue }
                doneCount += 1
                let what = "\(table).\(column) = \(value.prefix(40))"
                try Self.expectValid(in: lax, changed: table, what)
            }
        }
        #expect(doneCount >= columns.count * Self.unexpectedValues.count * 2 / 3, "\(doneCount)")
    }

    private static func setSchema(
        _ sql: String, of table: String, _ database: Database
    ) throws {
        try database.execute(
            sql: "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?",
            arguments: [sql, table])
    }

    /// Reads with every function, and expects values within the limits or an error with a hint.
    private static func expectValid(
        in fixture: IndexFixture, changed table: String, _ what: String
    ) throws {
        var warnings: [SnapError] = []
        let index = try fixture.open { warnings.append($0) }
        let good = fixture.checkpoints.map(\.checkpoint)
        let untouched = good.filter {
            $0.guest.description != "b" || ($0.number != 2 && table != "guest")
        }
        let all = try index.checkpoints()
        expectGood(all, what)
        #expect(all.filter { untouched.contains($0) } == untouched, "\(what)")
        if all.count < good.count && table == "checkpoint" {
            #expect(warnings.count <= 1, "\(what)")
        }
        for warning in warnings { expectHelpful(warning, what) }
        for guest in Set(good.map(\.guest)) {
            let own = untouched.filter { $0.guest == guest }
            let listed = attempt(what) { () throws(SnapError) in
                try index.checkpoints(of: guest)
            }
            expectGood(listed ?? [], what)
            #expect(listed?.filter { own.contains($0) } == own, "\(what)")
            try expectValid(of: guest, own, in: index, what)
        }
        for checkpoint in good + all.filter({ !good.contains($0) }) {
            expectValid(of: checkpoint, in: index, what)
        }
        for prefix in ["6100", "6200", "6300", "ffff"] {
            let found = attempt(what) { () throws(SnapError) in
                try index.checkpoints(idPrefix: prefix)
            }
            expectGood(found ?? [], what)
            #expect(found?.count ?? 0 <= 2, "\(what)")
        }
        attempt(what) { () throws(SnapError) in try index.checkIntegrity() }
    }

    private static func expectValid(
        of guest: GuestName, _ untouched: [Checkpoint], in index: CheckpointIndex, _ what: String
    ) throws {
        // A damaged row of a guest must not hide the guest's intact rows.
        let latest = attempt(what) { () throws(SnapError) in try index.latest(of: guest) } ?? nil
        let time = Timestamp(secondsSinceEpoch: 1_800_000_003)
        let atTime =
            attempt(what) { () throws(SnapError) in
                try index.checkpoint(of: guest, at: time)
            } ?? nil
        for found in [latest, atTime] {
            expectGood(found.map { [$0] } ?? [], what)
            if let last = untouched.last {
                #expect(found?.number ?? 0 >= last.number, "\(what), \(guest)")
            }
        }
        for back in [1, 2, 3, Int.max] {
            let found =
                attempt(what) { () throws(SnapError) in
                    try index.latest(of: guest, back: back)
                } ?? nil
            expectGood(found.map { [$0] } ?? [], what)
        }
        let knows = attempt(what) { () throws(SnapError) in try index.knows(guest) }
        if !untouched.isEmpty { #expect(knows == true, "\(what)") }
        if let numbers = attempt(what, { () throws(SnapError) in try index.numbers(of: guest) }) {
            let isWithinLimits = numbers.live.union(numbers.retired).allSatisfy {
                (1...Checkpoint.numberMax).contains($0)
            }
            #expect(isWithinLimits, "\(what): \(numbers)")
        }
        let reclaimed = attempt(what) { () throws(SnapError) in try index.reclaimed(of: guest) }
        #expect(reclaimed?.isSubset(of: 1...Checkpoint.numberMax) ?? true, "\(what)")
        attempt(what) { () throws(SnapError) in _ = try index.files(of: guest) }
        let records = attempt(what) { () throws(SnapError) in
            try index.verificationRecords(of: guest)
        }
        guard let records else { return }
        let numbers =
            Array(records.files.keys) + records.damage.map(\.part.number)
            + records.damagedCheckpoints
        #expect(numbers.allSatisfy { (1...Checkpoint.numberMax).contains($0) }, "\(what)")
        for record in records.damage {
            #expect((0..<512).contains(record.part.slots?.lowerBound ?? 0), "\(what)")
            #expect(record.part.slots?.upperBound ?? 0 <= 512, "\(what)")
        }
        #expect(records.files.values.allSatisfy { $0.resumeGroup >= 0 }, "\(what)")
        let summaries = attempt(what) { () throws(SnapError) in try index.guestSummaries() }
        if !untouched.isEmpty {
            #expect(summaries?.contains { $0.name == guest } ?? true, "\(what)")
        }
    }

    private static func expectValid(
        of checkpoint: Checkpoint, in index: CheckpointIndex, _ what: String
    ) {
        let blocks = attempt(what) { () throws(SnapError) in
            try index.ramBlocks(of: checkpoint)
        }
        #expect((blocks ?? []).allSatisfy { $0.isWithinLimits }, "\(what)")
        let sections = attempt(what) { () throws(SnapError) in
            try index.deviceSections(of: checkpoint)
        }
        #expect((sections ?? []).allSatisfy { $0.isWithinLimits }, "\(what)")
        let found =
            attempt(what) { () throws(SnapError) in
                try index.checkpoint(of: checkpoint.guest, number: checkpoint.number)
            } ?? nil
        expectGood(found.map { [$0] } ?? [], what)
        let indexed =
            attempt(what) { () throws(SnapError) in try index.indexed(checkpoint) } ?? nil
        guard let indexed else { return }
        let area = 0..<Checkpoint.numberMax + 1
        #expect(indexed.references.allSatisfy { area.contains($0) }, "\(what)")
        #expect(indexed.file.generation >= 0 && indexed.file.byteCount >= 0, "\(what)")
    }

    private static func expectGood(_ checkpoints: [Checkpoint], _ what: String) {
        for checkpoint in checkpoints {
            #expect(checkpoint.isWithinLimits, "\(what): \(checkpoint)")
        }
    }

    /// Runs a function that reads, and expects that an error reports a damaged index.
    ///
    /// - Returns: The function's result; nil if it throws.
    @discardableResult
    private static func attempt<Value>(
        _ what: String, _ body: () throws(SnapError) -> Value
    ) -> Value? {
        do throws(SnapError) { return try body() } catch {
            expectHelpful(error, what)
            return nil
        }
    }

    private static func expectHelpful(_ error: SnapError, _ what: String) {
        #expect(error.code == .damaged, "\(what): \(error)")
        #expect(error.hint == CheckpointIndex.hint, "\(what): \(error)")
    }
}

extension Set<Int> {
    fileprivate func isSubset(of range: ClosedRange<Int>) -> Bool {
        allSatisfy { range.contains($0) }
    }
}
