import CheckpointStore
import Foundation
import GuestMemory
import MigrationStream
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("QEMU streams as checkpoints")
struct StreamTests {
    /// Saves a stream as the guest's next checkpoint.
    private static func save(
        _ made: GeneratedStream, _ store: TestStore, jobs: Int = 1,
        _ configure: (inout Save) -> Void = { _ in }
    ) throws -> Checkpoint {
        try store.save(
            at: store.scratch.write(made.bytes, to: "stream"), in: store.context(jobs: jobs),
            configure)
    }

    @Test(
        "a stream's RAM and devices restore unchanged, also after it is saved again",
        arguments: 0..<30)
    func roundTrip(seed: Int) throws {
        var generator = Seeded(6000 + UInt64(seed))
        let made = GeneratedStream.random(&generator)
        let store = try TestStore()
        let first = try Self.save(made, store, jobs: 1 + seed % 2)
        let pageCount = made.ram.values.reduce(0) { $0 + $1.pageCount }
        let usedCount = made.ram.values.reduce(0) { $0 + $1.pages.count }
        #expect(first.pages.total == pageCount, "seed \(seed)")
        #expect(first.pages.zero == pageCount - usedCount, "seed \(seed)")
        for (name, image) in made.ram {
            let output = try store.restore(1) { $0.form = .block(name) }
            #expect(try image.equals(output), "seed \(seed), \(name)")
        }
        let states = store.scratch.file("state")
        _ = try store.restore(1) { $0.deviceState = states }
        #expect(try bytes(of: states) == made.bytesWithoutRAM, "seed \(seed)")
        let stream = try store.restore(1) { $0.form = .stream }
        let second = try store.save(at: stream)
        #expect(second.pages.changed == 0, "seed \(seed)")
        #expect(second.deviceSectionCount == first.deviceSectionCount, "seed \(seed)")
        for (name, image) in made.ram {
            let output = try store.restore(2) { $0.form = .block(name) }
            #expect(try image.equals(output), "seed \(seed), \(name)")
        }
        let again = try store.restore(2) { $0.form = .stream }
        #expect(try bytes(of: again) == bytes(of: stream), "seed \(seed)")
    }

    /// Reads the bytes of all files in a store, by path.
    private static func contents(_ path: FilePath) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path.string) {
            let file = path.appending(name)
            // Reading a directory fails; it is listed without bytes.
            contents[name] = (try? bytes(of: file)) ?? []
        }
        return contents
    }

    @Test("a truncated stream is refused", arguments: SmallStream.allCases.filter(\.hasRAM))
    func cuts(form: SmallStream) throws {
        let made = form.made()
        let store = try TestStore()
        _ = try Self.save(made, store)
        let before = try Self.contents(store.path)
        let end = try #require(made.elements.last).range.lowerBound
        var tried = 0
        for count in stride(from: 0, to: end, by: max(1, end / 60)) where count >= 4 {
            let cut = Array(made.bytes.prefix(count))
            // Without footers, a final zero byte looks like the end mark.
            if !made.hasFooters && cut.last == 0 { continue }
            let error = #expect(throws: SnapError.self, "\(form) of \(count) bytes") {
                try store.save(at: store.scratch.write(cut, to: "cut"))
            }
            // A device before the RAM requires the description at the end of the stream.
            let isEarly = form == .early && error?.code == .unsupported
            #expect(error?.code == .inputDamaged || isEarly, "\(form) of \(count) bytes")
            #expect(try Self.contents(store.path) == before, "\(form) of \(count) bytes")
            tried += 1
        }
        #expect(tried > 20)
    }

    // MARK: RAM blocks and device state

    private static func device(_ name: String, _ path: FilePath) throws -> Save.DeviceState {
        Save.DeviceState(name: try GuestName(checking: name, as: "device"), path: path)
    }

    @Test("a stream without RAM names the image's block and must match its length")
    func names() throws {
        let store = try TestStore()
        let made = SmallStream.ignoreShared.made()
        let stream = try store.scratch.write(made.bytes, to: "devices")
        var image = GeneratedImage(pageCount: 2)
        image.pages[1] = GeneratedImage.text(1)
        try store.save(image) { $0.deviceStates = [try Self.device("d", stream)] }
        let details = try Store(reading: store.path, .testing())
            .details(of: .number(store.guest, 1))
        #expect(details.ramBlocks.map(\.name) == ["ram0"])
        #expect(details.deviceSections.map(\.name) == ["timer", "cpu"])
        let output = try store.restore(1) { $0.form = .block("ram0") }
        #expect(try image.equals(output))
        let state = store.scratch.file("state")
        _ = try store.restore(1) { $0.deviceState = state }
        #expect(try bytes(of: state) == made.bytes)
        // A restored stream contains the image in addition to the devices.
        let complete = try store.restore(1) { $0.form = .stream }
        let second = try store.save(at: complete) { $0.parent = .none }
        #expect(second.pages.total == 3 && second.pages.zero == 2)
        let mismatch = #expect(throws: SnapError.self) {
            try store.save(GeneratedImage(pageCount: 3)) {
                $0.deviceStates = [try Self.device("d", stream)]
            }
        }
        #expect(mismatch?.code == .mismatch && mismatch?.path == stream)
        // A stream that lists a block without an image is refused.
        var incomplete = GeneratedStream(made.configuration)
        incomplete.ramStart([("ram0", image), ("ram1", GeneratedImage(pageCount: 1))])
        incomplete.ramSection(isLast: true)
        incomplete.finish()
        let unmatched = try store.scratch.write(incomplete.bytes, to: "unmatched")
        let missing = #expect(throws: SnapError.self) {
            try store.save(image) { $0.deviceStates = [try Self.device("d", unmatched)] }
        }
        #expect(missing?.code == .mismatch && missing?.message.contains("ram1") == true)
        let withRAM = try store.scratch.write(SmallStream.plain.made().bytes, to: "with-ram")
        let double = #expect(throws: SnapError.self) {
            try store.save(image) { $0.deviceStates = [try Self.device("d", withRAM)] }
        }
        #expect(double?.code == .mismatch && double?.path == withRAM)
        let two = #expect(throws: SnapError.self) {
            try store.save(image) {
                $0.deviceStates = [
                    try Self.device("d", stream), try Self.device("e", stream),
                ]
            }
        }
        #expect(two?.code == .usage && two?.path == stream)
        let streamWithRAM = try store.scratch.write(SmallStream.plain.made().bytes, to: "plain")
        let both = #expect(throws: SnapError.self) {
            try store.save(at: streamWithRAM) { $0.deviceStates = [try Self.device("d", stream)] }
        }
        #expect(both?.code == .usage)
        #expect(try store.list().count == 2)
    }

    @Test("a stream without RAM is refused as a memory image")
    func withoutRAM() throws {
        let store = try TestStore()
        for form in [SmallStream.ignoreShared] {
            let error = #expect(throws: SnapError.self) { _ = try Self.save(form.made(), store) }
            #expect(error?.code == .unsupported && error?.hint?.contains("--device-state") == true)
        }
        var devices = GeneratedStream()
        devices.device(GeneratedDevice("a", sectionID: 5, state: [1]))
        devices.finish()
        let error = #expect(throws: SnapError.self) { _ = try Self.save(devices, store) }
        #expect(error?.code == .unsupported)
        // It is accepted as the device state of an image of any length. It names no RAM block, so
        // the checkpoint cannot be restored as a stream.
        let stream = try store.scratch.write(devices.bytes, to: "devices")
        try store.save(GeneratedImage(pageCount: 5)) {
            $0.deviceStates = [try Self.device("d", stream)]
        }
        let none = #expect(throws: SnapError.self) {
            _ = try store.restore(1) { $0.form = .stream }
        }
        #expect(none?.code == .notFound)
    }

    /// Saves raw images, one file per block.
    @discardableResult
    private static func save(
        _ images: [(String, GeneratedImage)], _ store: TestStore,
        _ configure: (inout Save) throws -> Void = { _ in }
    ) throws -> Checkpoint {
        var files: [Save.RAMBlockFile] = []
        for (index, (name, image)) in images.enumerated() {
            let path = store.scratch.file("block\(index)")
            try image.write(to: path)
            files.append(Save.RAMBlockFile(name: name, path: path, guestPhysicalAddress: nil))
        }
        var save = Save(.blocks(files), guest: store.guest)
        try configure(&save)
        return try save.run(in: store.path, .testing())
            .checkpoint
    }

    private static func image(_ pageCount: Int, _ first: Int) -> GeneratedImage {
        var image = GeneratedImage(pageCount: pageCount)
        for page in 0..<pageCount / 2 { image.pages[page] = GeneratedImage.text(first + page) }
        return image
    }

    @Test("a block shares pages with the parent's block of the same name and length")
    func parents() throws {
        let store = try TestStore()
        let (a, b, c) = (Self.image(600, 0), Self.image(20, 1000), Self.image(20, 2000))
        let first = try Self.save([("a", a), ("b", b), ("c", c)], store)
        #expect(first.parentNumber == nil && first.pages.literal + first.pages.delta == 320)
        // The blocks are in another order, and one has another name.
        let second = try Self.save([("c", c), ("d", b), ("a", a)], store)
        #expect(second.parentNumber == 1 && second.pages.unchanged == 310)
        #expect(second.pages.changed == 10)
        let longer = Self.image(21, 2000)
        let third = try Self.save([("c", longer), ("a", a)], store)
        #expect(third.pages.unchanged == 300 && third.pages.changed == 10)
        // A block without a name matches a parent's block of the same length.
        let fourth = try store.save(a)
        #expect(
            fourth.parentNumber == 3 && fourth.pages.unchanged == 300 && fourth.pages.changed == 0)
        let fifth = try Self.save([("x", a)], store)
        #expect(fifth.parentNumber == 4 && fifth.pages.unchanged == 300)
        let expected: [(Int, [(String, GeneratedImage)])] = [
            (1, [("a", a), ("b", b), ("c", c)]), (2, [("c", c), ("d", b), ("a", a)]),
            (3, [("c", longer), ("a", a)]), (5, [("x", a)]),
        ]
        for (number, blocks) in expected {
            for (name, image) in blocks {
                let output = try store.restore(number) { $0.form = .block(name) }
                #expect(try image.equals(output), "\(number), \(name)")
            }
            let all = try store.restore(number)
            #expect(try bytes(of: all) == blocks.flatMap(\.1.bytes), "\(number)")
        }
        let missing = #expect(throws: SnapError.self) {
            _ = try store.restore(1) { $0.form = .block("x") }
        }
        #expect(missing?.code == .notFound)
    }

    @Test("a dirty bitmap is refused if several of the parent's blocks match by length")
    func ambiguousBitmap() throws {
        let store = try TestStore()
        let (a, b) = (Self.image(20, 0), Self.image(20, 100))
        try Self.save([("a", a), ("x/b", b)], store)
        let clean = try store.scratch.write(b.bitmap([]), to: "clean")
        let error = #expect(throws: SnapError.self) {
            try store.save(b) { save in
                save.parent = .checkpoint(.number(store.guest, 1))
                save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: clean)]
            }
        }
        #expect(error?.code == .mismatch && error?.path == clean)
        // A block name that contains a slash stays in the path: x/b=PATH.
        let named = FilePath("x/b=\(clean.string)")
        let saved = try Self.save([("x/b", a), ("a", a)], store) { save in
            save.parent = .checkpoint(.number(store.guest, 1))
            save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: nil, path: named)]
        }
        #expect(saved.pages.changed == 0)
        #expect(try b.equals(store.restore(2) { $0.form = .block("x/b") }))
    }

    @Test("blocks without a dirty bitmap are compared completely")
    func bitmaps() throws {
        let store = try TestStore()
        var (a, b) = (Self.image(1100, 0), Self.image(40, 3000))
        try Self.save([("a", a), ("b", b)], store)
        a.pages[3] = GeneratedImage.text(9003)
        a.pages[4] = nil
        b.pages[1] = GeneratedImage.text(9001)
        b.pages[39] = GeneratedImage.text(9039)
        let bitmap = try store.scratch.write(a.bitmap([3, 4, 5, 1000]), to: "bitmap")
        let saved = try Self.save([("b", b), ("a", a)], store) { save in
            save.parent = .checkpoint(.number(store.guest, 1))
            save.dirtyBitmaps = [Save.DirtyBitmapFile(blockName: "a", path: bitmap)]
        }
        #expect(saved.pages.total == 1140)
        #expect(saved.pages.zero == 1140 - a.pages.count - b.pages.count)
        #expect(saved.pages.changed == 4 && saved.pages.becameZero == 1)
        #expect(saved.pages.unchanged == a.pages.count + b.pages.count - 3)
        for (name, image) in [("a", a), ("b", b)] {
            let output = try store.restore(2) { $0.form = .block(name) }
            #expect(try image.equals(output), "\(name)")
        }
        let wrong: [([(String?, FilePath)], SnapError.Code)] = [
            ([("c", bitmap)], .usage), ([(nil, bitmap)], .usage),
            ([("a", bitmap), ("a", bitmap)], .usage), ([("b", bitmap)], .mismatch),
        ]
        for (bitmaps, code) in wrong {
            let error = #expect(throws: SnapError.self, "\(bitmaps)") {
                _ = try Self.save([("b", b), ("a", a)], store) { save in
                    save.parent = .checkpoint(.number(store.guest, 1))
                    save.dirtyBitmaps = bitmaps.map {
                        Save.DirtyBitmapFile(blockName: $0.0, path: $0.1)
                    }
                }
            }
            #expect(error?.code == code, "\(bitmaps): \(error as Any)")
        }
        #expect(try store.list().count == 2)
    }
}
