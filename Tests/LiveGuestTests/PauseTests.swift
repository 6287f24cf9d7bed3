import LiveGuest
import SnapSystem
import TestSupport
import Testing
import WorkPipeline

@Suite("Pausing a guest")
struct PauseTests {
    private static let stream = SmallStream.ignoreShared.made().bytes

    /// Pauses a guest, and returns the error; nil if the pause has ended without one.
    private func pause(_ qemu: FakeQEMU) throws -> SnapError? {
        var guest = try PausableGuest(try qemu.connect(), WorkContext(.kernel))
        do throws(SnapError) {
            try guest.whilePaused(PauseTasks()) { (_, _) throws(SnapError) in }
            return nil
        } catch { return error }
    }

    @Test("a pause ends in time and the guest resumes if QEMU delays its device state")
    func deviceState() throws {
        for bytes in [Self.stream, Array(Self.stream.prefix(1))] + [[]] {
            var behavior = FakeQEMU.Behavior()
            behavior.slowDeviceState = bytes
            let qemu = try FakeQEMU(behavior)
            let start = ContinuousClock.now
            let error = try pause(qemu)
            // snap can detect bytes that are not a stream before the timeout.
            #expect(error?.code == .inputOutput || error?.code == .unsupported, "\(error as Any)")
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(qemu.count("stop") == 1 && qemu.count("cont") == 1)
        }
    }

    @Test(
        "a pause ends in time and snap sends cont, whichever command QEMU does not answer",
        .slow,
        arguments: [
            "stop", "query-status", "migrate-set-parameters", "getfd", "migrate", "query-migrate",
            "migrate-set-capabilities",
        ])
    func silence(command: String) throws {
        var behavior = FakeQEMU.Behavior()
        behavior.slowDeviceState = Self.stream
        let qemu = try FakeQEMU(behavior)
        var guest = try PausableGuest(try qemu.connect(), WorkContext(.kernel))
        qemu.stopAnswering(command)
        let start = ContinuousClock.now
        let error = #expect(throws: SnapError.self) {
            try guest.whilePaused(PauseTasks()) { (_, _) throws(SnapError) in }
        }
        #expect(error?.message.contains(command) == true || command == "query-migrate")
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(qemu.count("cont") == qemu.count("stop"))
    }

    @Test("if QEMU refuses to resume the guest, the error contains QEMU's message")
    func refusal() throws {
        var behavior = FakeQEMU.Behavior()
        behavior.refuses = ["cont"]
        behavior.slowDeviceState = []
        let error = try pause(try FakeQEMU(behavior))
        #expect(error?.message.contains("QEMU refuses cont: no") == true, "\(error as Any)")
    }
}
