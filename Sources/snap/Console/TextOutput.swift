import SnapSystem

/// Text for standard output, buffered and made safe for a terminal.
struct TextOutput {
    /// The terminal on standard output; nil if standard output is not a terminal.
    let terminal: Terminal?
    private var buffer: OutputBuffer

    /// Creates an empty output.
    ///
    /// - Parameters:
    ///   - terminal: The terminal on standard output; nil if it is not a terminal.
    ///   - buffer: The buffer that receives the text; that of standard output by default.
    init(on terminal: Terminal?, to buffer: OutputBuffer = OutputBuffer()) {
        self.terminal = terminal
        self.buffer = buffer
    }

    /// Writes text, replacing all control characters except newlines and the sequences of `Style`.
    ///
    /// - Parameter text: Lines, each ending with a newline.
    mutating func write(_ text: String) { buffer.append(text.printableLines.utf8) }

    /// Writes a table that fits the terminal's width.
    ///
    /// - Parameter table: The table.
    mutating func write(_ table: Table) { write(table.text(on: terminal)) }

    /// Writes the remaining text.
    ///
    /// - Throws: `.inputOutput` if standard output could not be written.
    mutating func finish() throws(SnapError) { try buffer.finish() }
}
