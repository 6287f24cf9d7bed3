/// A command's result, which can be printed in each form that the user can select.
///
/// `CommonOptions` selects the form: JSON for --json, names for --quiet, or else text.
protocol Rendered {
    /// Writes the result as one JSON value.
    ///
    /// - Parameter json: The writer that receives the value.
    func writeJSON(_ json: inout JSONWriter)

    /// Writes the output of --quiet: only names, or nothing (the default).
    ///
    /// - Parameter output: The output that receives the lines.
    func writeQuiet(_ output: inout TextOutput)

    /// Writes the result as text for people.
    ///
    /// - Parameter output: The output that receives the lines.
    func writeText(_ output: inout TextOutput)
}

extension Rendered {
    func writeQuiet(_ output: inout TextOutput) {}
}
