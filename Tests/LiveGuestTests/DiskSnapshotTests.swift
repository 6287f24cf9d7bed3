import GuestMemory
import LiveGuest
import SnapSystem
import TestSupport
import Testing
import WorkPipeline

@Suite("Snapshots of a guest's disks")
struct DiskSnapshotTests {
    private static let name = "snap-web1-7-0123abcd"
    private static let taken = [
        DiskSnapshot(drive: "disk0", path: "/disks/a b.qcow2", name: name)
    ]

    private static func qemu(refusing refused: Set<String> = []) throws -> FakeQEMU {
        var behavior = FakeQEMU.Behavior()
        behavior.stream = SmallStream.background.made().bytes
        behavior.refuses = refused
        return try FakeQEMU(behavior)
    }

    private static func tasks(_ command: String? = nil) -> PauseTasks {
        var tasks = PauseTasks(diskSnapshotName: name)
        tasks.command = command.map { ShellCommand($0, timeout: .seconds(20)) }
        return tasks
    }

    /// Connects to a guest with a drive selected, and takes a background snapshot.
    private static func take(
        from qemu: FakeQEMU, _ tasks: PauseTasks, isSaved: Bool
    ) -> (snapshots: [DiskSnapshot], warnings: [SnapError], error: SnapError?) {
        var snapshots: [DiskSnapshot] = []
        var warnings: [SnapError] = []
        var failure: SnapError?
        do throws(SnapError) {
            var connection = try qemu.connect()
            try connection.select(.named(["disk0"]))
            var snapshot = try BackgroundSnapshot(connection, timeout: .seconds(20))
            do throws(SnapError) { _ = try snapshot.take(tasks, WorkContext(.kernel)) } catch {
                failure = error
            }
            snapshots = snapshot.diskSnapshots
            snapshot.finishDiskSnapshots(isSaved: isSaved && failure == nil) {
                warnings.append($0)
            }
        } catch { failure = error }
        return (snapshots, warnings, failure)
    }

    @Test("a snapshot is taken between stop and migrate, and stays with a saved checkpoint")
    func order() throws {
        let qemu = try Self.qemu()
        let result = Self.take(from: qemu, Self.tasks(), isSaved: true)
        #expect(result.error == nil && result.snapshots == Self.taken)
        let order = ["stop", "transaction", "migrate", "cont"].map { name in
            qemu.lines.firstIndex { $0.contains("\"execute\":\"\(name)\"") } ?? -1
        }
        #expect(order.allSatisfy { $0 >= 0 } && order == order.sorted(), "\(qemu.lines)")
        let transaction = try #require(qemu.lines.first { $0.contains("transaction") })
        #expect(transaction.contains("blockdev-snapshot-internal-sync"))
        #expect(transaction.contains(Self.name) && transaction.contains("\"device\":\"disk0\""))
        #expect(qemu.count("blockdev-snapshot-delete-internal-sync") == 0)
        #expect(!exists(qemu.scratch.file("standstill")))
    }

    @Test("the snapshots of a failed save are deleted after the guest runs again")
    func failures() throws {
        for (refused, command) in [
            ([], "exit 1"), (["migrate"], "exit 0"), (["transaction"], "exit 0"),
        ] as [(Set<String>, String)] {
            let qemu = try Self.qemu(refusing: refused)
            let result = Self.take(from: qemu, Self.tasks(command), isSaved: true)
            #expect(result.error != nil && result.warnings.isEmpty)
            let order = ["cont", "blockdev-snapshot-delete-internal-sync"].map { name in
                qemu.lines.lastIndex { $0.contains("\"execute\":\"\(name)\"") } ?? -1
            }
            #expect(order[0] >= 0 && order[0] < order[1])
            #expect(!exists(qemu.scratch.file("standstill")))
        }
        // The save can also fail after the memory has been read.
        let qemu = try Self.qemu()
        #expect(Self.take(from: qemu, Self.tasks(), isSaved: false).error == nil)
        #expect(qemu.count("blockdev-snapshot-delete-internal-sync") == 1)
    }

    @Test("a snapshot that cannot be deleted is reported with the command that deletes it")
    func leftovers() throws {
        let qemu = try Self.qemu(refusing: ["blockdev-snapshot-delete-internal-sync"])
        let result = Self.take(from: qemu, Self.tasks("exit 1"), isSaved: true)
        let command = "qemu-img snapshot -d \(Self.name) '/disks/a b.qcow2'"
        #expect(result.warnings.first?.hint?.contains(command) == true)
    }

    @Test("drives that cannot have snapshots are refused before anything is changed")
    func refusals() throws {
        for (selection, words) in [
            (.writable, "flash (raw, /disks/vars.fd)"), (.named(["flash"]), "flash (raw"),
            (.named(["cd"]), "cd (read-only"), (.named(["disk0", "disk9"]), "no drive disk9"),
            (.named(["floppy0"]), "no drive floppy0"),
        ] as [(DiskSelection, String)] {
            let qemu = try Self.qemu()
            let error = #expect(throws: SnapError.self) {
                var connection = try qemu.connect()
                try connection.select(selection)
            }
            #expect(error?.message.contains(words) == true, "\(error as Any)")
            if selection == .writable {
                #expect(error?.hint?.contains("--snapshot-disks=disk0") == true)
            }
            #expect(qemu.count("stop") == 0 && qemu.count("migrate-set-capabilities") == 0)
        }
        // A drive can also be named by its node.
        var connection = try Self.qemu().connect()
        try connection.select(.named(["#block1", "disk0"]))
    }

    @Test("the next save deletes the snapshots of a killed one, unless its checkpoint is saved")
    func killed() throws {
        for isSaved in [false, true] {
            let qemu = try Self.qemu()
            let process = ProcessIdentity.current(.kernel)
            let marker = """
                {"process": {"number": \(process.number), "start": "\(process.start ?? "")"},
                 "since": "2026-01-02T03:04:05Z", "wasRunning": false, "settings":
                 {"capabilities": [], "parameters": {"max-bandwidth": 1099511627776}}, "diskSnapshots":
                 [{"drive": "disk0", "path": "/disks/a", "name": "\(Self.name)"}]}
                """
            try qemu.scratch.write(Array(marker.utf8), to: "standstill")
            var asked: [String] = []
            _ = try qemu.connect(keepsSnapshots: { name in
                asked.append(name)
                return isSaved
            })
            #expect(asked == [Self.name])
            #expect(qemu.count("blockdev-snapshot-delete-internal-sync") == (isSaved ? 0 : 1))
            #expect(qemu.warnings.count == (isSaved ? 0 : 1))
            #expect(!exists(qemu.scratch.file("standstill")))
        }
    }
}
