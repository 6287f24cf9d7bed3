import Foundation
import TestSupport
import Testing

@testable import SnapSystem

@Suite("A command of the user")
struct ShellCommandTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func run(_ text: String, timeout: Duration = .seconds(60)) -> SnapError? {
        let command = ShellCommand(
            text, variables: ["PLACE": scratch.path.string], timeout: timeout)
        do throws(SnapError) { try command.run(.kernel) } catch { return error }
        return nil
    }

    /// Whether a process of a group runs; one that has ended may wait for init to notice.
    private static func isRunning(group: Int32) -> Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.contains { name in
            let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8)
            // After the name in parentheses: the state, the parent and the group.
            let fields = stat?.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 2 && Int32(fields[2]) == group && fields[0] != "Z"
        }
    }

    /// Whether all processes of a group end within ten seconds.
    ///
    /// On a busy machine, a process that was killed can be visible for a moment.
    private static func endsSoon(group: Int32) -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while isRunning(group: group) {
            guard ContinuousClock.now < deadline else { return false }
            usleep(10_000)
        }
        return true
    }

    @Test("a command gets variables, no input, and its own process group")
    func environment() throws {
        #expect(run("test \"$HOME\" && cat >$PLACE/input && echo $$ >$PLACE/leader") == nil)
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.file("input").string)).isEmpty)
        #expect(exists(scratch.file("leader")))
        #expect(run("test $(ps -o pgid= -p $$) = $$") == nil)
    }

    @Test("a command that fails is an error with its status or signal")
    func failures() {
        #expect(run("exit 7")?.message.contains("ended with status 7, expected 0") == true)
        #expect(run("kill -KILL $$")?.message.contains("signal 9") == true)
        #expect(run("no-such-command-anywhere")?.message.contains("status 127") == true)
        #expect(run("exit 1")?.code == .inputOutput)
    }

    @Test("a command that takes too long is terminated, with its children")
    func timeout() {
        let start = ContinuousClock.now
        for text in [
            "sleep 600", "sleep 600 & wait", "trap '' TERM; while :; do sleep 1; done",
        ] {
            let error = run("echo $$ >$PLACE/leader; " + text, timeout: .milliseconds(200))
            #expect(error?.message.contains("did not end within") == true)
            let text = try? String(contentsOfFile: scratch.file("leader").string, encoding: .utf8)
            let group = Int32(text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "")
            #expect(group.map(Self.endsSoon) == true)
        }
        #expect(ContinuousClock.now - start < .seconds(300))
    }

    @Test("a shell that cannot be started is an error")
    func faults() {
        let plan = FaultPlan(at: 0, .fail(.noMemory))
        let command = ShellCommand("exit 0", timeout: .seconds(60))
        let error = #expect(throws: SnapError.self) { try command.run(SystemCalls(faults: plan)) }
        #expect(error?.code == .inputOutput)
    }
}
