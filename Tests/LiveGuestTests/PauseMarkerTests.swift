import Foundation
import LiveGuest
import SnapSystem
import TestSupport
import Testing

@Suite("The marker of an interrupted save")
struct PauseMarkerTests {
    private static let name = "standstill"

    /// A guest that is paused, with a marker of it.
    private struct Left {
        let qemu: FakeQEMU
        var process = ProcessIdentity.current(.kernel)
        var since = "2026-01-02T03:04:05Z"
        var rest = ""

        init() throws {
            var manners = FakeQEMU.Manners()
            manners.isPaused = true
            qemu = try FakeQEMU(manners)
        }

        /// Writes the marker.
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

        /// What the next save does.
        func connect() throws -> SnapError? {
            do throws(SnapError) { _ = try qemu.connect(resumes: true) } catch { return error }
            return nil
        }

        /// Whether the marker is gone, and neither guest nor settings have been touched.
        var isUntouched: Bool {
            qemu.count("cont") == 0 && qemu.count("migrate-set-capabilities") == 0
                && qemu.count("migrate-set-parameters") == 0
                && !exists(qemu.scratch.file(name))
        }
    }

    @Test("has the guest resumed, and what a save sets put back, and nothing else")
    func counts() throws {
        let left = try Left()
        try left.write()
        #expect(try left.connect() == nil)
        #expect(left.qemu.count("cont") == 1 && !exists(left.qemu.scratch.file(Self.name)))
        let settings = left.qemu.lines.filter { $0.contains("migrate-set-capabilities") }
        #expect(settings.count == 1 && settings[0].contains("xbzrle"))
        #expect(settings[0].contains("\"x\"") == false)
        #expect(left.qemu.lines.contains { $0.contains("\"max-bandwidth\":1000}") })
    }

    @Test("is ignored, with a warning, if others may write it, or a link leads to it")
    func foreign() throws {
        for mode in [0o660, 0o602] as [mode_t] {
            let left = try Left()
            try left.write()
            #expect(chmod(left.qemu.scratch.file(Self.name).string, mode) == 0)
            #expect(try left.connect() == nil)
            #expect(left.isUntouched && left.qemu.warnings.count == 1)
        }
        let left = try Left()
        try left.write()
        let name = left.qemu.scratch.file(Self.name).string
        #expect(rename(name, name + ".moved") == 0)
        try FileManager.default.createSymbolicLink(
            atPath: name, withDestinationPath: name + ".moved")
        #expect(try left.connect() == nil)
        #expect(left.isUntouched && left.qemu.warnings.count == 1)
    }

    @Test(
        "is ignored if it belongs to another user, unless the store does, too",
        .needsRoot("to change a file's owner"))
    func owners() throws {
        for isStore in [false, true] {
            let left = try Left()
            try left.write()
            #expect(chown(left.qemu.scratch.file(Self.name).string, 12_345, 0) == 0)
            if isStore { #expect(chown(left.qemu.scratch.path.string, 12_345, 0) == 0) }
            #expect(try left.connect() == nil)
            #expect(left.isUntouched != isStore)
            #expect(left.qemu.count("cont") == (isStore ? 1 : 0))
        }
    }

    @Test("of another QEMU is ignored")
    func otherProcess() throws {
        var left = try Left()
        left.process = ProcessIdentity(1, .kernel)
        try left.write()
        #expect(try left.connect() == nil)
        #expect(left.isUntouched)
    }

    @Test("that cannot be read leaves a paused guest to its user")
    func unreadable() throws {
        let nested = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        for rest in [", \"more\": \(nested)", "}"] {
            var left = try Left()
            left.rest = rest
            if rest == "}" { left.since = String(repeating: "0", count: 50) }
            try left.write()
            let error = try left.connect()
            #expect(error?.code == .busy && left.qemu.count("cont") == 0)
        }
        var left = try Left()
        left.rest = String(repeating: " ", count: 1 << 16)
        try left.write()
        #expect(try left.connect() == nil)
        #expect(left.isUntouched && left.qemu.warnings.count == 1)
    }
}
