import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Restore in place")
struct InPlaceTests {
    private static func update(
        _ store: TestStore, _ number: Int, _ output: FilePath, calls: SystemCalls = .kernel,
        jobs: Int = 1
    ) throws -> Int? {
        try Restore(.number(store.guest, number), to: .inPlace(output))
            .run(in: store.path, .testing(calls, jobs: jobs)).writtenPageCount
    }

    @Test("any image becomes any other, and only differing pages are written", arguments: 0..<20)
    func anyToAny(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let store = try TestStore()
        var image = GeneratedImage(pageCount: [1, 513, 1500, 2048][seed % 4])
        var images: [GeneratedImage] = []
        for _ in 0..<4 {
            image.edit(image.pageCount / 3 + 1, &generator)
            try store.save(image)
            images.append(image)
        }
        let output = store.scratch.file("output")
        var current = images[0]
        try current.write(to: output, explicitZeros: Array(0..<min(30, image.pageCount)))
        for _ in 0..<6 {
            let next = Int.random(in: 0..<4, using: &generator)
            let count = try Self.update(store, next + 1, output, jobs: 1 + seed % 3)
            #expect(count == images[next].differing(from: current).count)
            #expect(try images[next].equals(output))
            current = images[next]
        }
    }

    @Test("pages that become zero become holes")
    func holes() throws {
        let store = try TestStore()
        let zeros = GeneratedImage(pageCount: 2000)
        try store.save(zeros)
        var image = zeros
        image.fillWithText(0..<2000)
        let output = store.scratch.file("output")
        try image.write(to: output)
        #expect(try Self.update(store, 1, output) == 2000)
        var status = stat()
        #expect(stat(output.string, &status) == 0)
        #expect(status.st_blocks == 0)
        #expect(try zeros.equals(output))
    }

    @Test("a missing output or one of another length is refused and stays unchanged")
    func misfits() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 10)
        image.pages[1] = GeneratedImage.text(1)
        try store.save(image)
        let missing = store.scratch.file("missing")
        #expect(
            #expect(throws: SnapError.self) { try Self.update(store, 1, store.scratch.path) }?.code
                == .mismatch)
        for (output, size) in [(missing, nil), (store.scratch.file("short"), 9 * 4096)] {
            if let size { try write([UInt8](repeating: 1, count: size), to: output) }
            let error = #expect(throws: SnapError.self) { try Self.update(store, 1, output) }
            #expect(error?.code == .mismatch && error?.path == output)
        }
        #expect(!exists(missing))
        #expect(try bytes(of: store.scratch.file("short")).allSatisfy { $0 == 1 })
    }

    @Test("an existing device-state output is replaced only if forced")
    func deviceState() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 10)
        image.pages[1] = GeneratedImage.text(1)
        let state = Save.DeviceState(
            name: try GuestName(checking: "dev", as: "section"),
            path: try store.scratch.write([1, 2], to: "dev"))
        try store.save(image) { $0.deviceStates = [state] }
        let output = store.scratch.file("output")
        let device = try store.scratch.write([9], to: "taken")
        try GeneratedImage(pageCount: 10).write(to: output)
        var restore = Restore(.number(store.guest, 1), to: .inPlace(output))
        restore.deviceState = device
        let taken = #expect(throws: SnapError.self) {
            try restore.run(in: store.path, .testing())
        }
        #expect(taken?.code == .cannotCreate)
        #expect(try GeneratedImage(pageCount: 10).equals(output))
        restore.isForced = true
        #expect(try restore.run(in: store.path, .testing()).writtenPageCount == 1)
        #expect(try bytes(of: device) == [1, 2] && image.equals(output))
        restore.deviceState = output
        let same = #expect(throws: SnapError.self) {
            try restore.run(in: store.path, .testing())
        }
        #expect(same?.code == .usage)
        #expect(try image.equals(output))
    }

    @Test("damage is detected before the first write")
    func damage() throws {
        let store = try TestStore()
        var image = GeneratedImage(pageCount: 1200)
        image.fillWithText(0..<1200)
        try store.save(image)
        let other = GeneratedImage(pageCount: 1200)
        let output = store.scratch.file("output")
        try other.write(to: output)
        let path = store.guestPath.appending("0000000001.savevm")
        var file = try bytes(of: path)
        // The damage is in a cluster of the last unit: all earlier units could be written.
        let place = file.count * 2 / 3
        file[place] ^= 1
        try write(file, to: path)
        let error = #expect(throws: SnapError.self) { try Self.update(store, 1, output) }
        #expect(error?.code == .damaged && error?.path == path)
        #expect(try other.equals(output))
    }

    @Test(
        "after any failed call, the same command completes the image",
        .slow,
        arguments: [FaultPlan.Fault.fail(.ioError), .fail(.noSpace), .short, .stop])
    func faults(fault: FaultPlan.Fault) throws {
        let store = try TestStore()
        var generator = Seeded(4)
        var first = GeneratedImage(pageCount: 1100)
        first.edit(300, &generator)
        try store.save(first)
        var second = first
        second.edit(200, &generator)
        try store.save(second)
        let output = store.scratch.file("output")
        var mixedCount = 0
        try FaultPlan.sweep(fault, past: 40, of: "restore in place") { plan, what in
            try first.write(to: output)
            do {
                let calls = SystemCalls(faults: plan)
                _ = try Self.update(store, 2, output, calls: calls)
                #expect(try second.equals(output), "\(what)")
            } catch let error as SnapError {
                #expect(fault != .short, "\(what): \(error)")
                if try !first.equals(output) {
                    #expect(error.hint?.contains("partly old") ?? false, "\(error)")
                    mixedCount += 1
                }
            }
            _ = try Self.update(store, 2, output)
            #expect(try second.equals(output), "\(what)")
        }
        if fault != .short { #expect(mixedCount > 5) }
    }
}
