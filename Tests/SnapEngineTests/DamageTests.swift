import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Damage")
struct DamageTests {
    private static let files = [
        "0000000001.savevm", "0000000002.savevm", "0000000003.savevm", "0000000003.devstate",
    ]

    @Test(
        "a flipped byte is detected or has no effect", .slow, arguments: files,
        CheckpointCodec.allCases)
    func flips(name: String, codec: CheckpointCodec) throws {
        let fixture = try DamageFixture(codec)
        let path = fixture.store.guestPath.appending(name)
        let original = try bytes(of: path)
        var foundCount = 0
        for offset in original.indices {
            var damaged = original
            damaged[offset] ^= UInt8(1 << (offset % 8))
            try write(damaged, to: path)
            if try fixture.check(3, "\(name), byte \(offset)") { foundCount += 1 }
        }
        // A restore verifies nearly every byte of the checkpoint's own two files, because it checks
        // their checksums. In the other files it reads only the parts that it needs.
        let share = name.contains("0003") ? 0.9 : 0.1
        #expect(
            Double(foundCount) > share * Double(original.count),
            "\(foundCount) of \(original.count)")
        try write(original, to: path)
        #expect(try fixture.store.restores(3, to: fixture.images[2]))
    }

    @Test("damage to a later checkpoint's file does not affect earlier checkpoints")
    func flipsElsewhere() throws {
        let fixture = try DamageFixture()
        let path = fixture.store.guestPath.appending("0000000003.savevm")
        try write(try bytes(of: path).map { ~$0 }, to: path)
        #expect(try fixture.store.restores(1, to: fixture.images[0]))
        #expect(try fixture.store.restores(2, to: fixture.images[1]))
    }

    @Test("each truncation is detected", .slow, arguments: files)
    func truncations(name: String) throws {
        let fixture = try DamageFixture()
        let path = fixture.store.guestPath.appending(name)
        let original = try bytes(of: path)
        for count in stride(from: original.count - 1, through: 0, by: -1) {
            #expect(truncate(path.string, count) == 0)
            let output = fixture.store.scratch.file("output")
            var restore = Restore(.number(fixture.store.guest, 3), to: .file(output))
            restore.deviceState = fixture.store.scratch.file("device")
            let error = #expect(throws: SnapError.self, "\(name) of \(count) bytes") {
                _ = try restore.run(in: fixture.store.path, .testing())
            }
            #expect(error?.code == .damaged && error?.path != nil, "\(name) of \(count) bytes")
            #expect(!exists(output))
        }
    }

    @Test("the error names a missing file", arguments: files + ["0000000001.devstate"])
    func missing(name: String) throws {
        let fixture = try DamageFixture()
        try removeFile(fixture.store.guestPath.appending(name))
        let error = #expect(throws: SnapError.self) {
            _ = try fixture.store.restore(3) {
                $0.deviceState = fixture.store.scratch.file("device")
            }
        }
        #expect(error?.code == .damaged)
        #expect(error?.path?.lastComponent?.string == name)
    }

    @Test("a file from another store under the same name is detected")
    func misplaced() throws {
        let fixture = try DamageFixture()
        let other = try DamageFixture()
        for name in Self.files {
            let path = fixture.store.guestPath.appending(name)
            let original = try bytes(of: path)
            try write(try bytes(of: other.store.guestPath.appending(name)), to: path)
            let error = #expect(throws: SnapError.self, "\(name)") {
                _ = try fixture.store.restore(3) {
                    $0.deviceState = fixture.store.scratch.file("device")
                }
            }
            #expect(error?.code == .damaged, "\(name)")
            try write(original, to: path)
        }
    }

    @Test("a damaged index is reported or has no effect, and reindex rebuilds it", .slow)
    func indexFlips() throws {
        let fixture = try DamageFixture()
        let path = fixture.store.path.appending("index.sqlite")
        let original = try bytes(of: path)
        let expected = try fixture.store.list()
        var generator = Seeded(9)
        var restoredCount = 0
        for _ in 0..<1500 {
            var damaged = original
            damaged[Int.random(in: 0..<original.count, using: &generator)] ^= UInt8(
                1 << Int.random(in: 0..<8, using: &generator))
            try write(damaged, to: path)
            do {
                _ = try fixture.store.list(warn: { _ in })
                let output = try fixture.store.restore(3, in: .testing(warn: { _ in }))
                #expect(try fixture.images[2].equals(output))
                try removeFile(output)
                restoredCount += 1
            } catch let error as SnapError {
                #expect([.damaged, .unsupported, .notFound].contains(error.code), "\(error)")
            }
        }
        #expect((1..<1500).contains(restoredCount))
        try write(Array("this is a text, not a database".utf8), to: path)
        let error = #expect(throws: SnapError.self) { _ = try fixture.store.list() }
        #expect(error?.code == .damaged && error?.hint?.contains("snap reindex") == true)
        let saveError = #expect(throws: SnapError.self) {
            try fixture.store.save(fixture.images[0])
        }
        #expect(saveError?.code == .damaged)
        let warnings = Warnings()
        let outcome = try Reindex().run(in: fixture.store.path, .testing(warn: warnings.take))
        #expect(warnings.all.count == 1 && warnings.all.allSatisfy(\.isLossOfRecords))
        #expect(outcome.checkpointCount == 3 && outcome.damagedFileCount == 0)
        #expect(try fixture.store.list() == expected)
    }
}
