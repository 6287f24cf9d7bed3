import ArgumentParser

/// A number of checkpoints or periods to keep; `unlimited` for all.
struct KeptCount: ExpressibleByArgument {
    /// The number.
    let value: Int

    /// Parses an argument.
    ///
    /// - Parameter argument: The text that the user typed.
    /// - Returns: nil if the text is neither a number from 0 nor `unlimited`.
    init?(argument: String) {
        if argument == "unlimited" {
            value = .max
        } else if let count = Int(argument), count >= 0 {
            value = count
        } else {
            return nil
        }
    }
}
