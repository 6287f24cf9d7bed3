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

    @Test("any flipped byte is found or makes no difference", arguments: files)
    func flips(name: String) throws {
        let fixture = try DamageFixture()
        let path = fixture.store.guestPath.appending(name)
        let whole = try bytes(of: path)
        var foundCount = 0
        for offset in whole.indices {
            var damaged = whole
            damaged[offset] ^= UInt8(1 << (offset % 8))
            try write(damaged, to: path)
            if try fixture.check(3, "\(name), byte \(offset)") { foundCount += 1 }
        }
        // Nearly every byte of the two files of the checkpoint itself is covered by a checksum that
        // a restore looks at; of the others, the parts that it needs.
        let share = name.contains("0003") ? 0.9 : 0.1
        #expect(Double(foundCount) > share * Double(whole.count), "\(foundCount) of \(whole.count)")
        try write(whole, to: path)
        #expect(try fixture.store.restores(3, to: fixture.images[2]))
    }

    @Test("a flipped byte in what a checkpoint does not need costs it nothing")
    func flipsElsewhere() throws {
        let fixture = try DamageFixture()
        let path = fixture.store.guestPath.appending("0000000003.savevm")
        try write(try bytes(of: path).map { ~$0 }, to: path)
        #expect(try fixture.store.restores(1, to: fixture.images[0]))
        #expect(try fixture.store.restores(2, to: fixture.images[1]))
    }

    @Test("any truncation is found", arguments: files)
    func truncations(name: String) throws {
        let fixture = try DamageFixture()
        let path = fixture.store.guestPath.appending(name)
        let whole = try bytes(of: path)
        for count in stride(from: whole.count - 1, through: 0, by: -1) {
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

    @Test("a missing file is named", arguments: files)
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

    @Test("a file of another checkpoint in the place of one is found")
    func misplaced() throws {
        let fixture = try DamageFixture()
        let other = try DamageFixture()
        for name in Self.files {
            let path = fixture.store.guestPath.appending(name)
            let whole = try bytes(of: path)
            try write(try bytes(of: other.store.guestPath.appending(name)), to: path)
            let error = #expect(throws: SnapError.self, "\(name)") {
                _ = try fixture.store.restore(3) {
                    $0.deviceState = fixture.store.scratch.file("device")
                }
            }
            #expect(error?.code == .damaged, "\(name)")
            try write(whole, to: path)
        }
    }

    @Test("an index of any damage is told or tells the truth")
    func indexFlips() throws {
        let fixture = try DamageFixture()
        let path = fixture.store.path.appending("index.sqlite")
        let whole = try bytes(of: path)
        let expected = try fixture.store.list()
        var generator = Seeded(9)
        for _ in 0..<1500 {
            var damaged = whole
            damaged[Int.random(in: 0..<whole.count, using: &generator)] ^= UInt8(
                1 << Int.random(in: 0..<8, using: &generator))
            try write(damaged, to: path)
            // Whatever the bytes, an answer or an error; files are never touched by a list.
            _ = try? fixture.store.list(warn: { _ in })
            _ = try? fixture.store.restore(3, in: .testing(warn: { _ in }))
        }
        try write(Array("this is no database, it is a text".utf8), to: path)
        let error = #expect(throws: SnapError.self) { _ = try fixture.store.list() }
        #expect(error?.code == .damaged && error?.hint?.contains("snap reindex") == true)
        let saveError = #expect(throws: SnapError.self) {
            try fixture.store.save(fixture.images[0])
        }
        #expect(saveError?.code == .damaged)
        let outcome = try Reindex().run(
            in: fixture.store.path, .testing(warn: { Issue.record("warned: \($0)") }))
        #expect(outcome.checkpointCount == 3 && outcome.damagedFileCount == 0)
        #expect(try fixture.store.list() == expected)
    }
}
