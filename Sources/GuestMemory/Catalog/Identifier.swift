import SnapSystem

/// The permanent identifier of a store or a checkpoint: 128 random bits.
package struct Identifier: Sendable, Hashable {
    /// The first eight bytes, the first of them the highest.
    package let high: UInt64
    /// The last eight bytes.
    package let low: UInt64

    /// Creates an identifier from its two halves.
    ///
    /// - Parameters:
    ///   - high: The first eight bytes, the first of them the highest.
    ///   - low: The last eight bytes.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The identifier that stands for "none": all bits are 0.
    package static let none = Identifier(high: 0, low: 0)

    /// Creates a new identifier with the system's source of randomness (getrandom(2)).
    ///
    /// - Returns: The identifier, which is never `none`.
    package static func random() -> Identifier {
        Identifier(high: .random(in: 1...UInt64.max), low: .random(in: 0...UInt64.max))
    }

    /// The identifier as 32 hex digits, in the order of its bytes.
    package var hex: String {
        [high, low].map { String($0, radix: 16).padded(to: 16) }.joined()
    }

    /// Creates an identifier from 32 hex digits.
    ///
    /// - Parameter hex: The digits, in upper or lower case.
    /// - Returns: nil if the text is anything else.
    package init?(hex: some StringProtocol) {
        // `UInt64` also accepts a sign, which comes before the digits in ASCII.
        guard hex.utf8.count == 32, hex.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") }),
            let high = UInt64(hex.prefix(16), radix: 16),
            let low = UInt64(hex.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}
