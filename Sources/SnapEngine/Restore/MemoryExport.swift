import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// Writes a checkpoint's memory in the form that the user asks for.
struct MemoryExport: ~Copyable {
    /// The RAM blocks to write.
    let memory: StoredMemory
    /// The stream to write; nil to write only the bytes of the blocks.
    private let stream: StreamExport?

    /// Opens the parts of a checkpoint that the form needs.
    ///
    /// - Parameters:
    ///   - form: The form in which the memory is written.
    ///   - opened: The open checkpoint.
    /// - Throws: `.notFound` if the checkpoint has no such block or no stream; `.damaged`,
    ///   `.permission` or `.inputOutput`.
    init(_ form: Restore.Form, of opened: OpenCheckpoint) throws(SnapError) {
        let memory = try opened.memory()
        let exported =
            if case .block(let name) = form { try memory.block(named: name) } else { memory }
        switch form {
        case .raw, .block: stream = nil
        case .stream: stream = try StreamExport(memory, of: opened)
        case .libvirt(let xml):
            let domain = try DomainExport(xmlIn: xml, of: opened)
            stream = try StreamExport(memory, of: opened, after: domain.head)
        }
        self.memory = exported
    }

    /// Writes the memory into a new file before it is named.
    ///
    /// - Parameters:
    ///   - file: The file, which is empty.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.damaged`, `.inputOutput` or `.interrupted`.
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
    ///   - pipe: The pipe, or another file that is written from start to end.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.damaged`, `.inputOutput` or `.interrupted`.
    func write(to pipe: borrowing File, _ context: WorkContext) throws(SnapError) {
        switch stream {
        case .some(let stream): try stream.write(to: pipe, context)
        case .none: try memory.write(to: pipe, context)
        }
    }
}
