import SnapSystem

extension StreamInput {
    /// Skips the contents of a RAM section without storing its pages.
    ///
    /// - Parameter configuration: The stream's configuration.
    /// - Throws: `.inputDamaged`, `.inputOutput` or `.interrupted`.
    mutating func skipRAM(_ configuration: StreamConfiguration) throws(SnapError) {
        let mask = UInt64(configuration.pageByteCount - 1)
        while true {
            let word = try integer("page record", as: UInt64.self)
            let flags = PageFlags(rawValue: word & mask)
            if flags == .endOfSection { return }
            if flags == .memorySize {
                try skipBlocks(byteCount: word & ~mask, configuration)
                continue
            }
            if !flags.contains(.sameBlock) { try skipName() }
            switch flags.subtracting(.sameBlock) {
            case .zero: try skip(1)
            case .page: try skip(configuration.pageByteCount)
            case .xbzrle:
                try skip(1)
                try skip(Int(try integer("XBZRLE length", as: UInt16.self)))
            case .compressed:
                try skip(Int(try integer("length of a compressed page", as: UInt32.self)))
            default: throw damage("page record has invalid flags: \(flags.rawValue)")
            }
        }
    }

    private mutating func skipName() throws(SnapError) {
        try skip(Int(try integer("length of a name", as: UInt8.self)))
    }

    /// Skips the list of RAM blocks: reads it with a reader that has no stage.
    private mutating func skipBlocks(
        byteCount: UInt64, _ configuration: StreamConfiguration
    ) throws(SnapError) {
        var reader = RAMReader(configuration, nil)
        try reader.readBlocks(&self, byteCount: byteCount)
    }
}
