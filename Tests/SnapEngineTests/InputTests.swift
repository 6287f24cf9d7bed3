import CheckpointStore
import Codecs
import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Invalid inputs and outputs")
struct InputTests {
    @Test(
        "an image whose length is not a multiple of the page size is refused",
        arguments: [0, 1, 4095, 4097, 8191])
    func length(byteCount: Int) throws {
        let store = try TestStore()
        let image = try store.scratch.write([UInt8](repeating: 1, count: byteCount), to: "image")
        let error = #expect(throws: SnapError.self) { try store.save(at: image) }
        #expect(error?.code == .mismatch && error?.path == image)
        #expect(!exists(store.path), "a refused save creates no store")
    }

    @Test("device state whose total size exceeds the limit is refused")
    func deviceStateLimit() throws {
        var image = GeneratedImage(pageCount: 1)
        image.pages[0] = GeneratedImage.text(1)
        let store = try TestStore()
        let files = try ["x", "y"].map { name in
            Save.DeviceState(
                name: try GuestName(checking: name, as: "section"),
                path: try store.scratch.write([UInt8](repeating: 1, count: 100), to: name))
        }
        let error = #expect(throws: SnapError.self) {
            try store.save(image) { save in
                save.deviceStates = files
                save.deviceStateByteCountMax = 199
            }
        }
        #expect(error?.code == .inputDamaged && error?.path == files[1].path)
        #expect(error?.offset == 99 && error?.hint != nil)
        try store.save(image) { save in
            save.deviceStates = files
            save.deviceStateByteCountMax = 200
        }
    }

    @Test("RAM whose total size exceeds the limit is refused")
    func total() throws {
        let store = try TestStore()
        let path = try store.scratch.write([], to: "image")
        try File(updating: "image", in: Directory(store.scratch.path, .kernel))
            .setLength(RAMBlock.byteCountMax)
        let count = RAMBlock.totalByteCountMax / RAMBlock.byteCountMax
        let files = (0...count).map { number in
            Save.RAMBlockFile(name: "b\(number)", path: path, guestPhysicalAddress: nil)
        }
        let error = #expect(throws: SnapError.self) {
            try Save(.blocks(files), guest: store.guest).run(in: store.path, store.context())
        }
        #expect(error?.code == .mismatch)
        // RAM up to the limit is saved quickly, because the files consist of holes.
        let saved = try Save(.blocks(files.dropLast()), guest: store.guest)
            .run(in: store.path, store.context()).checkpoint
        #expect(saved.pages.zero == RAMBlock.totalByteCountMax / Page.byteCount)
        #expect(saved.pages.total == saved.pages.zero)
    }

    @Test("missing inputs, directories and devices are refused")
    func missing() throws {
        let store = try TestStore()
        let cases = [store.scratch.file("none"), store.scratch.path, "/dev/null"]
        for path in cases {
            let error = #expect(throws: SnapError.self) { try store.save(at: path) }
            #expect(error?.code == .notFound && error?.path == path)
        }
        var image = GeneratedImage(pageCount: 1)
        image.pages[0] = GeneratedImage.text(1)
        let error = #expect(throws: SnapError.self) {
            try store.save(image) { save in
                save.deviceStates = [
                    Save.DeviceState(
                        name: try GuestName(checking: "x", as: "section"), path: cases[0])
                ]
            }
        }
        #expect(error?.code == .notFound && error?.path == cases[0])
        #expect(!exists(store.path))
    }

    @Test("a save fails if its image shrinks, and all saved checkpoints restore", .slow)
    func shrinks() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 512 * 64)
        image.fillWithText(0..<image.pageCount)
        try store.save(image)
        let path = store.scratch.file("image")
        // Each attempt truncates the image in another thread, at another time during the save.
        var failures = 0
        for attempt in 0..<20 {
            try image.write(to: path)
            let thread = Thread {
                usleep(UInt32(500 + attempt * 700))
                truncate(path.string, 4096 * 100)
            }
            thread.start()
            do {
                try store.save(at: path)
            } catch let error as SnapError {
                failures += 1
                // An image that is truncated before snap opens it is saved without an error.
                #expect(error.code == .inputDamaged && error.path == path)
            }
            while !thread.isFinished { usleep(100) }
        }
        #expect(failures > 0)
        for checkpoint in try store.list() {
            // A restore checks the digest of each page, so the checkpoint is consistent.
            try removeFile(try store.restore(checkpoint.number))
        }
    }

    @Test("a specifier finds one checkpoint; unknown, ambiguous and invalid ones are refused")
    func references() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 1)
        image.pages[0] = GeneratedImage.text(1)
        for (high, low) in [(0xabcd_1111_0000_0000 as UInt64, 1), (0xabcd_2222_0000_0000, 2)] {
            let stamp = CheckpointStamp(
                id: Identifier(high: high, low: UInt64(low)),
                createdAt: Timestamp(secondsSinceEpoch: 1_800_000_000 + 60 * (low - 1)))
            try store.save(image, stamp: stamp)
        }
        let open = try Store(reading: store.path, .testing())
        let number = { (text: String) throws -> Int in
            try open.details(of: try CheckpointSpecifier(parsing: text)).checkpoint.number
        }
        let found = [
            ("g", 2), ("g@latest", 2), ("g@latest~1", 1), ("g:1", 1), ("abcd1", 1),
            ("ABCD2222", 2), ("g@2027-01-15T08:00Z", 1), ("g@2027-01-15T08:00:59Z", 1),
            ("g@2027-01-15T08:01Z", 2), ("g@2099-01-01T00:00", 2),
        ]
        for (text, expected) in found { #expect(try number(text) == expected, "\(text)") }
        let failures: [(String, SnapError.Code)] = [
            ("abcd", .usage), ("abc", .notFound), ("ffff", .notFound), ("g:3", .notFound),
            ("h", .notFound), ("h:1", .notFound), ("g@latest~2", .notFound),
            ("g@2027-01-15T07:59Z", .notFound), ("g:", .usage), ("g:x", .usage), ("g:0", .usage),
            ("g@", .usage), ("g@2027-02-30T00:00", .usage), ("g@2027-01-15", .usage),
            ("g@latest~", .usage), ("g@latest~9223372036854775807", .usage),
            ("g@latest~x", .usage), ("", .usage), ("a/b", .usage),
            ("g:99999999999999999999", .usage), ("../g:1", .usage),
        ]
        for (text, code) in failures {
            let error = #expect(throws: SnapError.self, "\(text)") { _ = try number(text) }
            #expect(error?.code == code, "\(text): \(String(describing: error))")
        }
    }

    @Test("an explicit parent that is missing or of another size is refused")
    func parents() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 4)
        image.pages[0] = GeneratedImage.text(1)
        try store.save(image)
        var other = GeneratedImage(pageCount: 5)
        other.pages[0] = GeneratedImage.text(1)
        let error = #expect(throws: SnapError.self) {
            try store.save(other) { $0.parent = .checkpoint(.number(store.guest, 1)) }
        }
        #expect(error?.code == .mismatch)
        // Without an explicit parent, a guest of another size starts with a full checkpoint.
        let second = try store.save(other)
        #expect(second.parentNumber == nil && second.kind == "full" && second.pages.literal == 1)
        let missing = #expect(throws: SnapError.self) {
            try store.save(image) { $0.parent = .checkpoint(.number(store.guest, 9)) }
        }
        #expect(missing?.code == .notFound)
    }

    @Test("an existing output file is replaced only if forced, and keeps its mode")
    func outputs() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 3)
        image.pages[1] = GeneratedImage.text(1)
        try store.save(image)
        let output = try store.scratch.write([1, 2, 3], to: "output")
        var restore = Restore(.number(store.guest, 1), to: .file(output))
        let error = #expect(throws: SnapError.self) {
            _ = try restore.run(in: store.path, .testing())
        }
        #expect(error?.code == .cannotCreate && error?.path == output)
        #expect(try bytes(of: output) == [1, 2, 3])
        #expect(chmod(output.string, 0o640) == 0)
        restore.isForced = true
        _ = try restore.run(in: store.path, .testing())
        #expect(try image.equals(output))
        var status = stat()
        #expect(stat(output.string, &status) == 0 && status.st_mode & 0o777 == 0o640)
        for path in [store.scratch.path, "/dev/null", store.scratch.file("no/where")] {
            restore.output = .file(path)
            let error = #expect(throws: SnapError.self, "\(path)") {
                _ = try restore.run(in: store.path, .testing())
            }
            #expect(error?.code == .cannotCreate, "\(path)")
        }
    }

    @Test("a failed forced restore keeps the existing files")
    func forcedDeviceState() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 3)
        image.pages[1] = GeneratedImage.text(1)
        let states = try ["d1", "d2"].map { name in
            Save.DeviceState(
                name: try GuestName(checking: name, as: "section"),
                path: try store.scratch.write(
                    Array("new \(name)".utf8) + [UInt8](repeating: 1, count: 70_000), to: name))
        }
        try store.save(image) {
            $0.deviceStates = states
            $0.pageOptions.compression = Compression(.zlib, .stored)
        }
        let path = store.guestPath.appending("0000000001.devstate")
        var file = try bytes(of: path)
        let second = try #require(file.indices.first { file[$0...].starts(with: "new d2".utf8) })
        file[second] ^= 1
        try write(file, to: path)
        let folder = store.scratch.file("folder")
        try FileManager.default.createDirectory(
            atPath: folder.string, withIntermediateDirectories: true)
        for name in ["d1", "d2"] { try write([0], to: folder.appending(name)) }
        let error = #expect(throws: SnapError.self) {
            _ = try store.restore(1) { restore in
                restore.deviceState = folder
                restore.isForced = true
            }
        }
        #expect(error?.code == .damaged)
        #expect(try names(in: folder) == ["d1", "d2"])
        #expect(try bytes(of: folder.appending("d2")) == [0])
        let same = store.scratch.file("same")
        var restore = Restore(.number(store.guest, 1), to: .file(same))
        restore.deviceState = same
        try store.save(image) { $0.deviceStates = [states[0]] }
        restore.specifier = .number(store.guest, 2)
        let usage = #expect(throws: SnapError.self) {
            _ = try restore.run(in: store.path, .testing())
        }
        #expect(usage?.code == .usage && !exists(same))
    }
}
