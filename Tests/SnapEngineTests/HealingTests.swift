import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Saves that replace damaged pages")
struct HealingTests {
    /// A guest with a history, whose image can be saved again.
    private struct Fixture {
        let store: TestStore
        var images: [Int: GeneratedImage] = [:]
        var image = GeneratedImage(pageCount: 1600)
        var generator: Seeded

        init(seed: UInt64) throws {
            store = try TestStore()
            generator = Seeded(seed)
            for page in 0..<900 { image.pages[page] = GeneratedImage.noise(&generator) }
            image.fillWithText(1100..<1200)
            for _ in 0..<4 {
                try save()
                image.edit(40, &generator)
            }
            _ = try Delete([.number(store.guest, 2)]).run(in: store.path, .testing())
            images[2] = nil
        }

        /// Saves the image; returns the outcome and the warnings.
        @discardableResult
        mutating func save(
            _ configure: (inout Save) throws -> Void = { _ in }
        ) throws -> (outcome: Save.Outcome, warnings: [SnapError]) {
            let file = store.scratch.file("image")
            try image.write(to: file)
            var save = Save(.image(file, nil), guest: store.guest)
            try configure(&save)
            let warnings = Warnings()
            let outcome = try save.run(in: store.path, .testing(warn: warnings.take))
            images[outcome.checkpoint.number] = image
            return (outcome, warnings.all)
        }

        /// The numbers of the checkpoints that cannot be restored; the others must be right.
        func lost() throws -> [Int] {
            var lost: [Int] = []
            for (number, image) in images.sorted(by: { $0.key < $1.key }) {
                guard let output = try? store.restore(number) else {
                    lost.append(number)
                    continue
                }
                #expect(try image.equals(output), "checkpoint \(number)")
                try removeFile(output)
            }
            return lost
        }

        /// The specifier of a checkpoint.
        func specifier(_ number: Int) -> CheckpointSpecifier { .number(store.guest, number) }

        func verify(_ configure: (inout Verify) -> Void = { _ in }) throws -> [Int] {
            var verify = Verify()
            configure(&verify)
            let outcome = try verify.run(in: store.path, .testing(warn: { _ in }))
            return outcome.verdicts.filter { !$0.isIntact }.map(\.name.number)
        }

        /// Flips a bit of a random file of the guest.
        mutating func damage() throws {
            let files = try names(in: store.guestPath).filter {
                $0.hasSuffix(".savevm") || $0.hasSuffix(".retired")
            }.sorted()
            let path = store.guestPath.appending(
                try #require(files.randomElement(using: &generator)))
            var damaged = try bytes(of: path)
            let offset = Int.random(in: 0..<damaged.count, using: &generator)
            damaged[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            try write(damaged, to: path)
        }
    }

    @Test(
        "after random damage and a verification, a save restores, and the damage is still told",
        .slow, arguments: FaultPlan.Fault.isComplete ? 1...20 : 1...5 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        var fixture = try Fixture(seed: seed)
        for round in 0..<8 {
            for _ in 0..<Int.random(in: 1...3, using: &fixture.generator) { try fixture.damage() }
            let isRoutine = round % 2 == 1
            let lost = try fixture.lost()
            #expect(
                try fixture.verify { if isRoutine { $0.timeLimit = .seconds(600) } } == lost)
            fixture.image.edit(10, &fixture.generator)
            let saved: (outcome: Save.Outcome, warnings: [SnapError])
            if round % 3 == 2 {
                // All pages are clean: what the parent has lost comes from the image anyway.
                fixture.image = try #require(fixture.images[fixture.images.keys.max() ?? 0])
                let bitmap = try fixture.store.scratch.write(
                    fixture.image.bitmap([]), to: "bitmap")
                let parent = try #require(fixture.images.keys.max())
                let specifier = fixture.specifier(parent)
                saved = try fixture.save {
                    $0.parent = .checkpoint(specifier)
                    $0.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
                }
            } else {
                saved = try fixture.save()
            }
            #expect(saved.outcome.replacedDamagedPageCount == 0 || !saved.warnings.isEmpty)
            #expect(try fixture.lost() == lost, "seed \(seed), round \(round)")
            #expect(try fixture.verify() == lost, "seed \(seed), round \(round)")
        }
    }

    @Test("a damaged table is replaced without a verification", arguments: [false, true])
    func table(hasBitmap: Bool) throws {
        var fixture = try Fixture(seed: 3)
        // The tables of the newest checkpoint are in the last groups of its file.
        let path = fixture.store.guestPath.appending("0000000004.savevm")
        let original = try bytes(of: path)
        var replacedCount = 0
        for offset in stride(from: 0, to: original.count, by: 211) {
            var damaged = original
            damaged[offset] ^= 4
            try write(damaged, to: path)
            let image = try #require(fixture.images[4])
            fixture.image = image
            let bitmap = try fixture.store.scratch.write(image.bitmap([0]), to: "bitmap")
            let specifier = fixture.specifier(4)
            let saved = try fixture.save {
                $0.parent = .checkpoint(specifier)
                if hasBitmap {
                    $0.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: bitmap)]
                }
            }.outcome
            replacedCount += saved.replacedDamagedPageCount
            #expect(saved.checkpoint.pages.total == image.pageCount)
            let number = saved.checkpoint.number
            let isRestored = (try? fixture.store.restores(number, to: image)) ?? false
            // Without a verification, only the content of clusters can be damaged unnoticed.
            if saved.replacedDamagedPageCount > 0 { #expect(isRestored, "byte \(offset)") }
            fixture.images[number] = nil
            _ = try Delete([.number(fixture.store.guest, number)])
                .run(in: fixture.store.path, .testing(warn: { _ in }))
            try write(original, to: path)
        }
        #expect(replacedCount > 500)
    }

    @Test("if the newest checkpoint's file is damaged, an older one is the parent")
    func olderParent() throws {
        var fixture = try Fixture(seed: 4)
        let path = fixture.store.guestPath.appending("0000000004.savevm")
        try write(Array(try bytes(of: path).dropLast()), to: path)
        let saved = try fixture.save()
        #expect(saved.outcome.checkpoint.parentNumber == 3)
        #expect(saved.warnings.map(\.path) == [path])
        #expect(try fixture.lost() == [4])
        // The user's choice of a damaged parent leads to a full checkpoint.
        let specifier = fixture.specifier(4)
        let other = try fixture.save { $0.parent = .checkpoint(specifier) }
        #expect(other.outcome.checkpoint.parentNumber == nil && !other.warnings.isEmpty)
        #expect(try fixture.lost() == [4])
    }
}
