import SnapSystem

/// Lines on their way to standard output.
struct TextOutput {
    /// The terminal that they go to; nil if they go elsewhere.
    let terminal: Terminal?
    private var buffer = OutputBuffer()

    /// Begins without a line.
    ///
    /// - Parameter terminal: The terminal that lines go to; nil if they go elsewhere.
    init(on terminal: Terminal?) {
        self.terminal = terminal
    }

    /// Writes text.
    ///
    /// Whatever it is, it cannot command the terminal, but for colours.
    ///
    /// - Parameter text: Lines, each with its end.
    mutating func write(_ text: String) { buffer.append(text.printableLines.utf8) }

    /// Writes a table, as wide as the terminal allows.
    ///
    /// - Parameter table: The table.
    mutating func write(_ table: Table) { write(table.text(on: terminal)) }

    /// Writes what is left.
    ///
    /// - Throws: `.inputOutput` if standard output could not be written.
    mutating func finish() throws(SnapError) { try buffer.finish() }
}
