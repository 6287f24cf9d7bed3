extension FixedWidthInteger {
    /// Reads an integer as a stream has it.
    ///
    /// - Parameter bytes: The highest byte first, at most as many as the integer has.
    init(bigEndianBytes bytes: some Collection<UInt8>) {
        self = bytes.reduce(0) { $0 << 8 | Self($1) }
    }

    /// The integer as a stream has it, the highest byte first.
    var bigEndianBytes: [UInt8] {
        stride(from: Self.bitWidth - 8, through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: self >> $0)
        }
    }
}
