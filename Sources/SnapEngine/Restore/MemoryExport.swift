import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// A checkpoint's memory in the form in which it is written.
struct MemoryExport: ~Copyable {
    /// The RAM blocks that are written.
    let memory: StoredMemory
    /// The stream that they become; nil to write their bytes alone.
    private let stream: StreamExport?

    /// Finds what a form needs of a checkpoint.
    ///
    /// - Parameters:
    ///   - form: The form.
    ///   - opened: The checkpoint.
    /// - Throws: `.notFound` if it has no such block or no stream; `.damaged`, `.permission` or
    ///   `.inputOutput`.
    init(_ form: Restore.Form, of opened: OpenCheckpoint) throws(SnapError) {
        let memory = try opened.memory()
        let exported =
            if case .block(let name) = form { try memory.block(named: name) } else { memory }
        stream = form == .stream ? try StreamExport(memory, of: opened) : nil
        self.memory = exported
    }

    /// Writes the memory into a file that has no name yet.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - context: How to run.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func write(to file: borrowing OutputFile, _ context: WorkContext) throws(SnapError) {
        switch stream {
        case .some(let stream):
            try file.withFile { (file) throws(SnapError) in try stream.write(to: file, context) }
        case .none:
            try file.setLength(memory.byteCount)
            try memory.write(to: file, context)
        }
    }

    /// Writes the memory to a pipe.
    ///
    /// - Parameters:
    ///   - pipe: The pipe.
    ///   - context: How to run.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func write(to pipe: borrowing File, _ context: WorkContext) throws(SnapError) {
        switch stream {
        case .some(let stream): try stream.write(to: pipe, context)
        case .none: try memory.write(to: pipe, context)
        }
    }
}
