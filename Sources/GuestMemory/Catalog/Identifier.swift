import SnapSystem

/// 128 random bits that name a store or a checkpoint permanently.
package struct Identifier: Sendable, Hashable {
    /// The first eight bytes, the first of them the highest.
    package let high: UInt64
    /// The last eight bytes.
    package let low: UInt64

    /// Makes an identifier of its two halves.
    ///
    /// - Parameters:
    ///   - high: The first eight bytes, the first of them the highest.
    ///   - low: The last eight bytes.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The identifier that stands for none.
    package static let none = Identifier(high: 0, low: 0)

    /// A new identifier from the system's source of randomness (getrandom(2)).
    package static func random() -> Identifier {
        Identifier(high: .random(in: 1...UInt64.max), low: .random(in: 0...UInt64.max))
    }

    /// The identifier as 32 hex digits, in the order of its bytes.
    package var hex: String {
        [high, low].map { String($0, radix: 16).padded(to: 16) }.joined()
    }

    /// Reads 32 hex digits.
    ///
    /// - Parameter hex: The digits, of either case.
    /// - Returns: nil if the text is anything else.
    package init?(hex: some StringProtocol) {
        // A sign is the one thing besides digits that an integer's text may have.
        guard hex.utf8.count == 32, hex.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") }),
            let high = UInt64(hex.prefix(16), radix: 16),
            let low = UInt64(hex.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}
