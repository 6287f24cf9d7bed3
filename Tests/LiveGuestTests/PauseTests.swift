import LiveGuest
import SnapSystem
import TestSupport
import Testing

@Suite("A pause")
struct PauseTests {
    private static let stream = SmallStream.ignoreShared.made().bytes

    /// Pauses a guest; how the pause ended.
    private func pause(_ qemu: FakeQEMU) throws -> SnapError? {
        var guest = try qemu.connect()
        do throws(SnapError) {
            try guest.whilePaused { (_, _) throws(SnapError) in }
            return nil
        } catch { return error }
    }

    @Test("ends in time, and the guest goes on, however QEMU keeps its device state back")
    func deviceState() throws {
        for drips in [Self.stream, Array(Self.stream.prefix(1))] + [[]] {
            var manners = FakeQEMU.Manners()
            manners.drips = drips
            let qemu = try FakeQEMU(manners)
            let start = ContinuousClock.now
            let error = try pause(qemu)
            #expect(error != nil)
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(qemu.count("stop") == 1 && qemu.count("cont") == 1)
        }
    }

    @Test(
        "ends in time, and QEMU is asked to let the guest go on, whatever it does not answer",
        arguments: [
            "stop", "query-status", "migrate-set-parameters", "getfd", "migrate", "query-migrate",
            "migrate-set-capabilities",
        ])
    func silence(command: String) throws {
        var manners = FakeQEMU.Manners()
        manners.drips = Self.stream
        let qemu = try FakeQEMU(manners)
        var guest = try qemu.connect()
        qemu.beSilent(after: command)
        let start = ContinuousClock.now
        let error = #expect(throws: SnapError.self) {
            try guest.whilePaused { (_, _) throws(SnapError) in }
        }
        #expect(error?.message.contains(command) == true || command == "query-migrate")
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(qemu.count("cont") == qemu.count("stop"))
    }

    @Test("that QEMU refuses to end is told with QEMU's words")
    func refusal() throws {
        var manners = FakeQEMU.Manners()
        manners.refuses = ["cont"]
        manners.drips = []
        let error = try pause(try FakeQEMU(manners))
        #expect(error?.message.contains("QEMU refuses cont: no") == true, "\(error as Any)")
    }
}
