/// What a command has to show, in each form that a user can ask for.
///
/// `CommonOptions` chooses the form: --json, --quiet, or lines for people.
protocol Rendered {
    /// Writes it as one JSON value.
    ///
    /// - Parameter json: Where it goes.
    func writeJSON(_ json: inout JSONWriter)

    /// Writes what --quiet leaves of it: nothing, or names alone.
    ///
    /// - Parameter output: Where it goes.
    func writeQuiet(_ output: inout TextOutput)

    /// Writes it for people.
    ///
    /// - Parameter output: Where it goes.
    func writeText(_ output: inout TextOutput)
}

extension Rendered {
    func writeQuiet(_ output: inout TextOutput) {}
}
