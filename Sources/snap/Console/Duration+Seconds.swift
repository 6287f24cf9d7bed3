import SnapSystem

extension Duration {
    /// Formats the duration in seconds: `0.035`.
    ///
    /// - Parameter fractionDigits: The number of digits after the decimal point; further digits are
    ///   cut off.
    /// - Returns: The number, without a unit.
    func seconds(fractionDigits: Int) -> String {
        var scale: Int64 = 1
        for _ in 0..<fractionDigits { scale *= 10 }
        let parts = components
        let units = parts.seconds * scale + parts.attoseconds / (1_000_000_000_000_000_000 / scale)
        return "\(units / scale).\(String(units % scale).padded(to: fractionDigits))"
    }
}
