import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Restores that skip damage")
struct SkipDamagedTests {
    @Test("exactly the pages of 100 damaged clusters are missing", .slow, arguments: [1, 2])
    func clusters(jobs: Int) throws {
        let store = try TestStore()
        var generator = Seeded(8)
        var image = GeneratedImage(pageCount: 9000)
        for page in 0..<6000 { image.pages[page] = GeneratedImage.noise(&generator) }
        try store.save(image)
        image.edit(300, &generator)
        try store.save(image)
        // Damage 100 of the first file's clusters.
        let path = store.guestPath.appending("0000000001.savevm")
        var damaged = try bytes(of: path)
        for _ in 0..<100 {
            damaged[Int.random(in: 512..<5900 * 4096, using: &generator)] ^= 1
        }
        try write(damaged, to: path)
        let warnings = Warnings()
        let verdict = try #require(
            try Verify().run(in: store.path, .testing(warn: warnings.take)).verdicts.last)
        let output = store.scratch.file("output")
        var restore = Restore(.number(store.guest, 2), to: .file(output))
        #expect(throws: SnapError.self) { try restore.run(in: store.path, .testing(jobs: jobs)) }
        #expect(!exists(output))
        restore.skipsDamaged = true
        let outcome = try restore.run(in: store.path, .testing(jobs: jobs))
        #expect(outcome.losses == verdict.losses && !outcome.damage.isEmpty)
        let lost = Set(outcome.losses.flatMap(\.pages).flatMap { Array($0) })
        #expect(lost.count > 500 && lost.count == outcome.losses[0].pageCount)
        var expected = image
        for page in lost { expected.pages[page] = nil }
        #expect(try expected.equals(output))
    }

    @Test("every flipped byte leaves the undamaged pages right, and the list exact", .slow)
    func flips() throws {
        let fixture = try DamageFixture()
        let store = fixture.store
        for name in try names(in: store.guestPath).filter({ !$0.hasSuffix(".lock") }) {
            let path = store.guestPath.appending(name)
            let original = try bytes(of: path)
            let step = FaultPlan.Fault.isComplete ? 1 : 61
            for offset in stride(from: 0, to: original.count, by: step) {
                var damaged = original
                damaged[offset] ^= 2
                try write(damaged, to: path)
                try check(3, fixture, "\(name), byte \(offset)")
            }
            try write(original, to: path)
        }
    }

    private func check(_ number: Int, _ fixture: DamageFixture, _ what: String) throws {
        let store = fixture.store
        let output = store.scratch.file("output")
        let device = store.scratch.file("device")
        defer {
            try? removeFile(output)
            try? removeFile(device)
        }
        var restore = Restore(.number(store.guest, number), to: .file(output))
        restore.deviceState = device
        restore.skipsDamaged = true
        let outcome: Restore.Outcome
        do throws(SnapError) {
            outcome = try restore.run(in: store.path, .testing())
        } catch {
            // Without the file's own sections, no page can be found.
            #expect(error.code == .damaged && !exists(output), "\(what): \(error)")
            return
        }
        var expected = fixture.images[number - 1]
        for page in outcome.losses.flatMap(\.pages).joined() { expected.pages[page] = nil }
        #expect(try expected.equals(output), "\(what)")
        #expect(exists(device) != outcome.isDeviceStateLost, "\(what)")
        let isLost = !outcome.losses.isEmpty || outcome.isDeviceStateLost
        #expect(outcome.damage.isEmpty != isLost, "\(what)")
        if exists(device) {
            #expect(try bytes(of: device) == TestStore.deviceState(number), "\(what)")
        }
    }

    @Test("an update in place and a QEMU stream cannot skip damage")
    func refused() throws {
        let fixture = try DamageFixture()
        var restore = Restore(.number(fixture.store.guest, 1), to: .inPlace("nothing"))
        restore.skipsDamaged = true
        #expect(throws: SnapError.self) { try restore.run(in: fixture.store.path, .testing()) }
        restore.output = .file(fixture.store.scratch.file("output"))
        restore.form = .stream
        let error = #expect(throws: SnapError.self) {
            try restore.run(in: fixture.store.path, .testing())
        }
        #expect(error?.code == .usage)
    }
}
