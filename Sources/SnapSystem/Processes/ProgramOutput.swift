import FoundationEssentials
import Glibc
package import SystemPackage

/// The output of a program that reads a file, such as a decompressor.
///
/// The program is killed when the last reference is released, if it still runs.
package final class ProgramOutput {
    /// The path of the file that the program reads, for messages.
    package let path: FilePath
    private let name: String
    private let calls: SystemCalls
    private let process: Int32
    private let output: SharedFile
    private let errors: File
    /// How the program has ended; nil while it runs.
    private var end: ProcessEnd?

    /// The number of bytes of the program's messages that an error contains.
    private static let messageByteCountMax = 200

    /// Starts the program.
    ///
    /// Of this process's environment, the program gets only PATH. Its messages are in English.
    ///
    /// - Parameters:
    ///   - arguments: The program, which is searched for in PATH, and its arguments.
    ///   - input: The file that becomes the program's standard input, at its own position.
    ///   - errors: The file that receives the program's messages.
    /// - Throws: `.unsupported` if the program is not installed; `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `posix_spawnp` and `pipe`.
    package init(
        of arguments: [String], reading input: borrowing File, errors: consuming File
    ) throws(SnapError) {
        path = input.path
        calls = input.calls
        name = arguments.first ?? ""
        let (reading, writing) = try Pipe.create(path, calls)
        let variables = ProcessInfo.processInfo.environment
        do {
            process = try calls.startProgram(
                arguments,
                environment: ["LC_ALL=C"] + (variables["PATH"].map { ["PATH=\($0)"] } ?? []),
                streams: StandardDescriptors(
                    input: input.descriptor, output: writing.file.descriptor,
                    errors: errors.descriptor))
        } catch {
            guard error == .noSuchFileOrDirectory else {
                throw SnapError(error, action: "start \(name)", path: path)
            }
            throw SnapError(
                .unsupported, "needs \(name), which is not installed", path: path,
                hint: "install \(name)")
        }
        output = reading
        self.errors = errors
    }

    deinit {
        if end != nil { return }
        kill(-process, SIGKILL)
        calls.waitForEnd(of: process)
    }

    /// Reads the next bytes of the output.
    ///
    /// - Parameter target: The memory for the bytes.
    /// - Returns: The number of bytes; 0 only at the end, and only if the program has succeeded.
    /// - Throws: `.inputDamaged` if the program has failed, with its message; `.inputOutput` or
    ///   `.interrupted`.
    package func read(into target: inout MutableRawSpan) throws(SnapError) -> Int {
        let count = end == nil ? try output.file.readNext(into: &target) : 0
        if count == 0 { try checkEnd() }
        return count
    }

    /// Waits for the end of the program, which has closed its output, and checks its status.
    private func checkEnd() throws(SnapError) {
        while end == nil {
            try Interruption.check()
            end = calls.end(of: process)
            if end == nil { usleep(1000) }
        }
        switch end {
        case nil, .exited(0): return
        case .exited(let status):
            let message = try firstMessage().map { ": \($0)" } ?? ", expected 0"
            throw SnapError(
                .inputDamaged, "\(name) ended with status \(status)\(message)", path: path)
        case .signaled(let number):
            throw SnapError(.inputOutput, "signal \(number) terminated \(name)", path: path)
        }
    }

    /// Reads the first line of the program's messages that is not empty; nil without messages.
    private func firstMessage() throws(SnapError) -> String? {
        let bytes = try errors.read(byteCount: Self.messageByteCountMax, at: 0)
        let line = bytes.split(separator: UInt8(ascii: "\n")).first
        return line.map { String(decoding: $0, as: UTF8.self) }
    }
}
