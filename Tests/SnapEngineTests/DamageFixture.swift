import Codecs
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// A history in which the last checkpoint needs pages of every file.
struct DamageFixture {
    let store: TestStore
    var images: [GeneratedImage] = []

    /// Creates the history; its second checkpoint has the other codec.
    init(_ codec: CheckpointCodec = .zlib) throws {
        store = try TestStore()
        var generator = Seeded(2)
        var image = GeneratedImage(pageCount: 600)
        image.fillWithText([0, 1, 2, 30, 599])
        image.pages[31] = Array(repeating: 1, count: 4096)
        for number in 0..<3 {
            let state = try store.writeDeviceState(number + 1)
            try store.save(image) { save in
                save.deviceStates = [state]
                save.pageOptions.compression = Compression(
                    (codec == .zlib) == (number != 1) ? .zlib : .zstd)
            }
            images.append(image)
            image.pages[number] = GeneratedImage.text(1000 + number)
            image.pages[40 + number] =
                Array(
                    GeneratedImage.noise(&generator).prefix(64))
                + [UInt8](repeating: 7, count: 4032)
        }
    }

    /// Whether a checkpoint restores with its device state; expects the saved bytes if it does.
    func restores(_ number: Int) throws -> Bool {
        let output = store.scratch.file("output")
        let device = store.scratch.file("device")
        var restore = Restore(.number(store.guest, number), to: .file(output))
        restore.deviceState = device
        guard (try? restore.run(in: store.path, .testing())) != nil else { return false }
        #expect(try images[number - 1].equals(output), "checkpoint \(number)")
        #expect(
            try bytes(of: device) == TestStore.deviceState(number), "checkpoint \(number)")
        try removeFile(output)
        try removeFile(device)
        return true
    }

    /// Restores from a damaged file.
    ///
    /// Expects either the saved image and device state, or an error that names the file and leaves
    /// no output.
    ///
    /// - Returns: Whether the damage was detected.
    @discardableResult
    func check(_ number: Int, _ what: @autoclosure () -> String) throws -> Bool {
        let output = store.scratch.file("output")
        let device = store.scratch.file("device")
        var restore = Restore(.number(store.guest, number), to: .file(output))
        restore.deviceState = device
        do throws(SnapError) {
            _ = try restore.run(in: store.path, .testing())
        } catch {
            #expect(error.code == .damaged, "\(what()): \(error)")
            #expect(error.path != nil && !error.message.isEmpty, "\(what()): \(error)")
            #expect(!exists(output) && !exists(device), "\(what())")
            return true
        }
        #expect(try images[number - 1].equals(output), "\(what())")
        #expect(try bytes(of: device) == TestStore.deviceState(number), "\(what())")
        try removeFile(output)
        try removeFile(device)
        return false
    }
}
