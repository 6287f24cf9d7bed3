import Foundation
import LiveGuest
import SnapSystem
import TestSupport
import Testing

@Suite("The marker of an unfinished save")
struct PauseMarkerTests {
    private static let name = "standstill"

    /// A paused guest and the marker of an unfinished save.
    private struct InterruptedGuest {
        let qemu: FakeQEMU
        var process = ProcessIdentity.current(.kernel)
        var since = "2026-01-02T03:04:05Z"
        var rest = ""

        init() throws {
            var behavior = FakeQEMU.Behavior()
            behavior.isPaused = true
            qemu = try FakeQEMU(behavior)
        }

        /// Writes the marker into the store.
        func write() throws {
            let text = """
                {"process": {"number": \(process.number), "start": "\(process.start ?? "")"},
                 "since": "\(since)", "wasRunning": true, "settings": {"capabilities": [
                 {"capability": "xbzrle", "state": true}, {"capability": "x", "state": true}],
                 "parameters": {"max-bandwidth": 1000}}\(rest)}
                """
            try qemu.scratch.write(Array(text.utf8), to: name)
            #expect(chmod(qemu.scratch.file(name).string, 0o600) == 0)
        }

        /// Connects as the next save does, and returns the error; nil on success.
        func connect() throws -> SnapError? {
            do throws(SnapError) { _ = try qemu.connect(resumes: true) } catch { return error }
            return nil
        }

        /// Whether the marker is deleted, and the guest and the settings are unchanged.
        var isUntouched: Bool {
            qemu.count("cont") == 0 && qemu.count("migrate-set-capabilities") == 0
                && qemu.count("migrate-set-parameters") == 0
                && !exists(qemu.scratch.file(name))
        }
    }

    @Test("the next save resumes the guest and restores only the settings that a save changes")
    func counts() throws {
        let guest = try InterruptedGuest()
        try guest.write()
        #expect(try guest.connect() == nil)
        #expect(guest.qemu.count("cont") == 1 && !exists(guest.qemu.scratch.file(Self.name)))
        let settings = guest.qemu.lines.filter { $0.contains("migrate-set-capabilities") }
        #expect(settings.count == 1 && settings[0].contains("xbzrle"))
        #expect(settings[0].contains("\"x\"") == false)
        #expect(guest.qemu.lines.contains { $0.contains("\"max-bandwidth\":1000}") })
    }

    @Test("a marker that is a link, or that others can write, is ignored with a warning")
    func foreign() throws {
        for mode in [0o660, 0o602] as [mode_t] {
            let guest = try InterruptedGuest()
            try guest.write()
            #expect(chmod(guest.qemu.scratch.file(Self.name).string, mode) == 0)
            #expect(try guest.connect() == nil)
            #expect(guest.isUntouched && guest.qemu.warnings.count == 1)
        }
        let guest = try InterruptedGuest()
        try guest.write()
        let name = guest.qemu.scratch.file(Self.name).string
        #expect(rename(name, name + ".moved") == 0)
        try FileManager.default.createSymbolicLink(
            atPath: name, withDestinationPath: name + ".moved")
        #expect(try guest.connect() == nil)
        #expect(guest.isUntouched && guest.qemu.warnings.count == 1)
    }

    @Test(
        "a marker of another user is ignored unless that user also owns the store",
        .needsRoot("to change a file's owner"))
    func owners() throws {
        for isStore in [false, true] {
            let guest = try InterruptedGuest()
            try guest.write()
            #expect(chown(guest.qemu.scratch.file(Self.name).string, 12_345, 0) == 0)
            if isStore { #expect(chown(guest.qemu.scratch.path.string, 12_345, 0) == 0) }
            #expect(try guest.connect() == nil)
            #expect(guest.isUntouched != isStore)
            #expect(guest.qemu.count("cont") == (isStore ? 1 : 0))
        }
    }

    @Test("a marker of another QEMU process is ignored")
    func otherProcess() throws {
        var guest = try InterruptedGuest()
        guest.process = ProcessIdentity(1, .kernel)
        try guest.write()
        #expect(try guest.connect() == nil)
        #expect(guest.isUntouched)
    }

    @Test("a marker that cannot be read does not resume the guest")
    func unreadable() throws {
        let nested = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        for rest in [", \"more\": \(nested)", "}"] {
            var guest = try InterruptedGuest()
            guest.rest = rest
            if rest == "}" { guest.since = String(repeating: "0", count: 50) }
            try guest.write()
            let error = try guest.connect()
            #expect(error?.code == .busy && guest.qemu.count("cont") == 0)
        }
        var guest = try InterruptedGuest()
        guest.rest = String(repeating: " ", count: 1 << 16)
        try guest.write()
        #expect(try guest.connect() == nil)
        #expect(guest.isUntouched && guest.qemu.warnings.count == 1)
    }
}
