import CheckpointStore
import Codecs
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("restore(save(x)) == x")
struct RoundTripTests {
    @Test("all checkpoints of a random history restore unchanged", arguments: 0..<40)
    func histories(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let store = try TestStore()
        let sizes = [1, 2, 3, 511, 512, 513, 1024, 1500]
        var image = GeneratedImage(pageCount: sizes[seed % sizes.count])
        var saved: [Int: GeneratedImage] = [:]
        for _ in 0..<6 {
            image.edit(Int.random(in: 0...image.pageCount / 2 + 2, using: &generator), &generator)
            let kind = Int.random(in: 0..<5, using: &generator)
            let level = [0, 1, 2, 3, 6].randomElement(using: &generator) ?? 1
            let codec = CheckpointCodec.allCases.randomElement(using: &generator) ?? .zlib
            let jobs = [1, 8].randomElement(using: &generator) ?? 1
            let older = saved.keys.sorted().randomElement(using: &generator)
            let file = store.scratch.file("image")
            try image.write(to: file, explicitZeros: Array(0..<min(20, image.pageCount)))
            let checkpoint = try store.save(at: file, in: store.context(jobs: jobs)) { save in
                save.pageOptions.compression = Compression(codec, CompressionLevel(level)!)
                if kind == 0 { save.parent = .none }
                if kind == 1, let older {
                    // An older checkpoint is the parent, as after it has been restored.
                    save.parent = .checkpoint(.number(store.guest, older))
                }
            }
            #expect(checkpoint.pages.total == image.pageCount)
            #expect(checkpoint.pages.zero == image.pageCount - image.pages.count)
            saved[checkpoint.number] = image
        }
        for (number, image) in saved.shuffled(using: &generator) {
            let jobs = [1, 8].randomElement(using: &generator) ?? 1
            #expect(
                try store.restores(number, to: image, jobs: jobs), "seed \(seed), \(number)")
        }
    }

    @Test("a sparse image with three levels of tables restores unchanged")
    func deep() throws {
        let store = try TestStore()
        var generator = Seeded(7)
        var image = GeneratedImage(pageCount: 512 * 512 * 2 + 77)
        image.fillWithText([0, 511, 512, 262_143, 262_144, 300_000, image.pageCount - 1])
        let first = try store.save(image, in: store.context(jobs: 8))
        let before = image
        image.pages[300_000] = GeneratedImage.noise(&generator)
        image.pages[511] = nil
        let second = try store.save(image)
        #expect(first.pages.literal == 7)
        #expect(second.pages.literal == 1)
        #expect(second.pages.becameZero == 1)
        #expect(second.pages.unchanged == 5)
        #expect(try store.restores(1, to: before, jobs: 8))
        #expect(try store.restores(2, to: image))
    }

    @Test("a unit whose pages and their bases are in 512 groups restores unchanged")
    func scattered() throws {
        let store = try TestStore()
        let groupCount = 512
        var image = GeneratedImage(pageCount: (groupCount + 1) * 512)
        let last = groupCount * 512
        for index in 0..<groupCount {
            image.pages[index * 512] = GeneratedImage.text(index)
            image.pages[last + index] = image.pages[index * 512]
        }
        let full = try store.save(image, in: store.context(jobs: 8))
        #expect(full.pages.duplicate > groupCount - 16)
        #expect(try store.restores(1, to: image, jobs: 8))
        for index in 0..<groupCount { image.pages[last + index]?[index] ^= 0xff }
        let changed = try store.save(image)
        #expect(changed.pages.delta > 200)
        #expect(try store.restores(2, to: image))
    }

    @Test("a checkpoint of an unchanged image stores no pages")
    func unchanged() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 3000)
        image.fillWithText(0..<2500)
        try store.save(image)
        let second = try store.save(image)
        #expect(second.pages.unchanged == 2500)
        #expect(second.pages.changed == 0)
        #expect(second.storedByteCount < 2048)
        #expect(try store.restores(2, to: image))
    }

    @Test("holes in the image are holes in the output")
    func holes() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 20_000)
        image.pages[100] = GeneratedImage.text(1)
        try store.save(image)
        var status = stat()
        #expect(stat(try store.restore(1).string, &status) == 0)
        #expect(Int(status.st_blocks) * 512 < 64 * 1024)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test(
        "the savevm file does not depend on the number of workers",
        arguments: CheckpointCodec.allCases)
    func jobs(codec: CheckpointCodec) throws {
        var images: [[UInt8]] = []
        var image = GeneratedImage(pageCount: 512 * 40 + 3)
        var generator = Seeded(3)
        for page in stride(from: 0, to: image.pageCount, by: 5) {
            image.pages[page] =
                page % 3 == 0 ? GeneratedImage.noise(&generator) : GeneratedImage.text(page)
        }
        var changed = image
        changed.edit(3000, &generator)
        let first = try TestStore()
        try first.save(
            image,
            stamp: CheckpointStamp(id: Identifier(high: 1, low: 2), createdAt: .now))
        let stamp = CheckpointStamp(
            id: Identifier(high: 3, low: 4),
            createdAt: Timestamp(secondsSinceEpoch: 1_700_000_000))
        for jobs in [1, 2, 8] {
            let store = try TestStore()
            try FileManager.default.copyItem(atPath: first.path.string, toPath: store.path.string)
            try store.save(changed, in: store.context(jobs: jobs), stamp: stamp) { save in
                save.pageOptions.compression = Compression(codec)
            }
            images.append(try bytes(of: store.guestPath.appending("0000000002.savevm")))
        }
        #expect(images[0] == images[1])
        #expect(images[0] == images[2])
    }

    @Test("several device sections restore unchanged")
    func deviceState() throws {
        let store = try TestStore()
        var generator = Seeded(5)
        var image = GeneratedImage(pageCount: 4)
        image.pages[1] = GeneratedImage.text(1)
        let contents: [String: [UInt8]] = [
            "empty": [], "small": [1, 2, 3],
            "large": (0..<50).flatMap { _ in GeneratedImage.noise(&generator) }
                + (0..<20).flatMap { GeneratedImage.text($0) },
        ]
        let states = try contents.keys.sorted().map { name in
            Save.DeviceState(
                name: try GuestName(checking: name, as: "section"),
                path: try store.scratch.write(contents[name] ?? [], to: name))
        }
        try image.write(to: store.scratch.file("image"))
        let warnings = Warnings()
        let checkpoint = try store.save(
            at: store.scratch.file("image"), in: .testing(warn: warnings.take)
        ) { $0.deviceStates = states }
        #expect(warnings.all.map(\.path?.lastComponent?.string) == ["empty"])
        #expect(checkpoint.deviceSectionCount == 3)
        #expect(checkpoint.deviceStateByteCount == contents.values.reduce(0) { $0 + $1.count })
        let output = store.scratch.file("devices")
        _ = try store.restore(1) { $0.deviceState = output }
        for (name, content) in contents {
            #expect(try bytes(of: output.appending(name)) == content)
        }
        let details = try Store(reading: store.path, .testing())
            .details(of: .number(store.guest, 1))
        #expect(details.deviceSections.map(\.name) == ["empty", "large", "small"])
        // The device state is in a separate file, and the RAM restores without it.
        try removeFile(store.guestPath.appending("0000000001.devstate"))
        #expect(try store.restores(1, to: image))
        #expect(throws: SnapError.self) {
            _ = try store.restore(1) { $0.deviceState = store.scratch.file("again") }
        }
        #expect(!exists(store.scratch.file("again")))
    }
}
