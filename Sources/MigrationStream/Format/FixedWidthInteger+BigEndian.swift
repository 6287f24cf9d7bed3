extension FixedWidthInteger {
    /// Creates an integer from big-endian bytes, the byte order of a stream.
    ///
    /// - Parameter bytes: The bytes, most significant first, at most as many as the integer has.
    init(bigEndianBytes bytes: some Collection<UInt8>) {
        self = bytes.reduce(0) { $0 << 8 | Self($1) }
    }

    /// The integer's bytes, most significant first, as in a stream.
    var bigEndianBytes: [UInt8] {
        stride(from: Self.bitWidth - 8, through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: self >> $0)
        }
    }
}
