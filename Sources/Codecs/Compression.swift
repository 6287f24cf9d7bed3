package import GuestMemory

/// How the clusters of a file are compressed: the codec and the level.
package struct Compression: Sendable, Equatable {
    /// The codec.
    package let codec: CheckpointCodec
    /// The level, which has about the same speed with either codec.
    package let level: CompressionLevel

    /// The codec and level of a save that chooses neither.
    package static let `default` = Compression(.zlib)

    /// Creates a compression.
    ///
    /// - Parameters:
    ///   - codec: The codec.
    ///   - level: The level.
    package init(_ codec: CheckpointCodec, _ level: CompressionLevel = .default) {
        self.codec = codec
        self.level = level
    }
}
