import QEMUMonitor
import SnapSystem
import TestSupport
import Testing

@Suite("Drives of a guest")
struct DriveTests {
    private static func drives(_ answer: String) throws -> [Drive] {
        let monitor = try FakeMonitor { command, id in
            "{\"return\": \(command == "query-block" ? answer : "{}"), \"id\": \(id)}\n"
        }
        var guest = try QEMUGuest(.socket(monitor.path), timeout: .zero, .kernel)
        return try guest.drives()
    }

    private static func drive(_ path: String, device: String = "d") -> String {
        """
        [{"device": "\(device)", "inserted": {"ro": false, "drv": "qcow2", "node-name": "n",
          "image": {"filename": "\(path)"}}}, {"device": "empty"}]
        """
    }

    @Test("drives without a medium are omitted, and relative paths are those of QEMU")
    func paths() throws {
        let drives = try Self.drives(Self.drive("/a.qcow2"))
        #expect(drives.map(\.path) == ["/a.qcow2"] && drives.allSatisfy(\.canBeSnapshotted))
        let relative = try #require(try Self.drives(Self.drive("dir/a.qcow2")).first)
        #expect(relative.path.hasPrefix("/") && relative.path.hasSuffix("/dir/a.qcow2"))
        for name in ["nbd://host/a", "json:{}", "rbd:pool/a"] {
            #expect(try Self.drives(Self.drive(name)).map(\.path) == [name])
        }
    }

    @Test("a drive without a device name has the name of its node")
    func names() throws {
        let drive = try #require(try Self.drives(Self.drive("/a", device: "")).first)
        #expect(drive.name == "n" && drive.isNamed("n"))
        #expect(!drive.isNamed("") && !drive.isNamed("d"))
    }

    @Test("names that are too long, and unexpected answers, are refused")
    func refusals() throws {
        let long = String(repeating: "n", count: 300)
        for answer in [
            Self.drive("/a", device: long), Self.drive("/" + String(repeating: long, count: 20)),
            "{}", "[{}]", #"[{"device": 7}]"#, #"[{"device": "d", "inserted": {}}]"#,
        ] {
            let error = #expect(throws: SnapError.self) { try Self.drives(answer) }
            #expect(error?.code == .unsupported)
        }
    }
}
