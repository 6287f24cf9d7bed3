import SnapSystem

extension StreamInput {
    /// Takes what a RAM section holds, without looking at what is in its pages.
    ///
    /// - Parameter configuration: What the stream says of itself.
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
            default: throw damage("page record has the flags \(flags.rawValue)")
            }
        }
    }

    private mutating func skipName() throws(SnapError) {
        try skip(Int(try integer("length of a name", as: UInt8.self)))
    }

    /// Takes the list of RAM blocks by reading it, which needs no pages.
    private mutating func skipBlocks(
        byteCount: UInt64, _ configuration: StreamConfiguration
    ) throws(SnapError) {
        var reader = RAMReader(configuration, nil)
        try reader.readBlocks(&self, byteCount: byteCount)
    }
}
