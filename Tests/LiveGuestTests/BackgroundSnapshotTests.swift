import LiveGuest
import SnapSystem
import TestSupport
import Testing
import WorkPipeline

@Suite("A background snapshot")
struct BackgroundSnapshotTests {
    private static let stream = SmallStream.background.made().bytes

    /// The result of a snapshot.
    private struct Result {
        var blockCount = 0
        var pauseDuration: Duration?
        var error: SnapError?
    }

    private static func qemu(_ change: (inout FakeQEMU.Behavior) -> Void) throws -> FakeQEMU {
        var behavior = FakeQEMU.Behavior()
        behavior.stream = stream
        change(&behavior)
        return try FakeQEMU(behavior)
    }

    /// Takes a snapshot, with a command to run at its instant.
    private static func take(
        from qemu: FakeQEMU, command: String? = nil, timeout: Duration = .seconds(20)
    ) -> Result {
        var result = Result()
        do throws(SnapError) {
            var snapshot = try BackgroundSnapshot(try qemu.connect(), timeout: timeout)
            var tasks = PauseTasks()
            tasks.command = command.map { ShellCommand($0, timeout: .seconds(20)) }
            let (_, images) = try snapshot.take(tasks, WorkContext(.kernel))
            result.blockCount = images.count
            result.pauseDuration = snapshot.pauseDuration
            result.error = snapshot.resumeFailure
        } catch { result.error = error }
        return result
    }

    @Test("a guest without tasks is not stopped by snap")
    func withoutTasks() throws {
        let qemu = try Self.qemu { _ in }
        let result = Self.take(from: qemu)
        #expect(result.error == nil && result.blockCount == 2)
        #expect(qemu.count("stop") == 0 && qemu.count("cont") == 0)
        let settings = qemu.lines.filter { $0.contains("migrate-set-capabilities") }
        #expect(settings.first?.contains("background-snapshot") == true)
        #expect(!exists(qemu.scratch.file("standstill")))
    }

    @Test("a guest is stopped for a task, and resumed when the first page has arrived")
    func withTask() throws {
        let qemu = try Self.qemu { _ in }
        let result = Self.take(from: qemu, command: "exit 0")
        #expect(result.error == nil && result.blockCount == 2)
        #expect(result.pauseDuration == .seconds(2))
        #expect(qemu.count("cont") == 1)
        let commands = ["stop", "getfd", "migrate", "cont"]
        let order = commands.compactMap { name in
            qemu.lines.firstIndex { $0.contains("\"\(name)\"") }
        }
        #expect(order.count == 4 && order == order.sorted())
    }

    @Test("the guest is resumed if the task fails, and nothing is sent")
    func failedTask() throws {
        let qemu = try Self.qemu { _ in }
        let result = Self.take(from: qemu, command: "exit 9")
        #expect(result.error?.message.contains("status 9, expected 0") == true)
        #expect(qemu.count("cont") == 1 && qemu.count("migrate") == 0)
        #expect(!exists(qemu.scratch.file("standstill")))
    }

    @Test("a guest that was paused stays paused, without a background snapshot")
    func paused() throws {
        let qemu = try Self.qemu { $0.isPaused = true }
        let result = Self.take(from: qemu, command: "exit 0")
        #expect(result.error == nil && result.blockCount == 2 && result.pauseDuration == nil)
        #expect(qemu.count("stop") == 0 && qemu.count("cont") == 0)
        #expect(!qemu.lines.contains { $0.contains("background-snapshot") })
    }

    @Test("what QEMU refuses is reported, and the guest runs", arguments: [7, 10])
    func refusals(version: Int) throws {
        for command in ["migrate-set-capabilities", "stop", "getfd", "migrate"] {
            let qemu = try Self.qemu {
                $0.refuses = [command]
                $0.version = version
            }
            let result = Self.take(from: qemu, command: "exit 0")
            #expect(
                result.error?.message.contains("QEMU refuses \(command): no") == true,
                "\(result.error as Any)")
            #expect(qemu.count("cont") == qemu.count("stop"))
            #expect(qemu.count("closefd") == (command == "migrate" ? 1 : 0))
        }
    }

    @Test("a stream that makes no progress, or is not one, ends the snapshot", arguments: [7, 10])
    func stalled(version: Int) throws {
        for bytes in [[0], [], Self.stream] as [[UInt8]] {
            let qemu = try Self.qemu {
                $0.stream = nil
                $0.slowDeviceState = bytes
                $0.version = version
            }
            let start = ContinuousClock.now
            let result = Self.take(from: qemu, timeout: .milliseconds(300))
            #expect(result.error != nil)
            if bytes.isEmpty {
                #expect(result.error?.message.contains("received nothing") == true)
            }
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test("a damaged stream is an error at every byte at which it can end")
    func truncated() throws {
        for count in stride(from: 0, to: Self.stream.count - 1, by: 97) {
            let qemu = try Self.qemu { $0.stream = Array(Self.stream.prefix(count)) }
            let result = Self.take(from: qemu)
            #expect(result.error != nil, "\(count) bytes")
            #expect(!exists(qemu.scratch.file("standstill")))
        }
    }

    @Test("whichever system call fails, a guest that was stopped is resumed", arguments: [7, 10])
    func faults(version: Int) throws {
        var call = 0
        while true {
            let qemu = try Self.qemu { $0.version = version }
            let plan = FaultPlan(at: call, .fail(.ioError))
            var failure: SnapError?
            do throws(SnapError) {
                let calls = SystemCalls(faults: plan)
                var snapshot = try BackgroundSnapshot(
                    try qemu.connect(calls: calls), timeout: .seconds(20))
                var tasks = PauseTasks()
                tasks.command = ShellCommand("exit 0", timeout: .seconds(20))
                _ = try snapshot.take(tasks, WorkContext(calls))
                failure = snapshot.resumeFailure
            } catch { failure = error }
            #expect(qemu.count("cont") >= qemu.count("stop"), "call \(call): \(failure as Any)")
            if plan.callCount <= call { break }
            call += 1
        }
        #expect(call > 50)
    }
}
