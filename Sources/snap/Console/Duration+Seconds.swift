import SnapSystem

extension Duration {
    /// The duration in seconds with so many digits after the point.
    func seconds(fractionDigits: Int) -> String {
        var scale: Int64 = 1
        for _ in 0..<fractionDigits { scale *= 10 }
        let parts = components
        let units = parts.seconds * scale + parts.attoseconds / (1_000_000_000_000_000_000 / scale)
        return "\(units / scale).\(String(units % scale).padded(to: fractionDigits))"
    }
}
