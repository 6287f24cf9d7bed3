/// The limits that no stream may exceed.
///
/// The reader compares each length in a stream with one of these limits, or with the number of
/// bytes that exist, before it allocates memory for it or uses it as an index.
enum StreamLimits {
    static let nameByteCountMax = 255
    static let machineByteCountMax = 1024
    static let capabilityCountMax = 256
    static let blockCountMax = 4096
    /// The total length of a guest's RAM blocks in bytes: 16 TiB.
    static let memoryByteCountMax = 1 << 44
    static let pageByteCounts = [1024, 2048, 4096, 8192, 16384, 32768, 65536]
    static let elementCountMax = 1 << 16
    /// The depth of the search for the ends of sections: one level per section of unknown length.
    static let searchDepthMax = 64
    /// The number of places in a stream from which that search continues.
    static let searchPlaceCountMax = 1 << 18
    /// The number of descriptions that are tried if the last one does not fit the stream.
    static let descriptionCountMax = 16
    static let descriptionByteCountMax = 1 << 20
    /// The nesting depth of the objects and arrays in a description.
    static let descriptionDepthMax = 32
    /// The length of a RAM block's bitmap in a mapped-ram stream, in bytes: enough for 2 TiB.
    static let bitmapByteCountMax = 64 << 20
    /// How many times as long as its compressed form a stream may be.
    ///
    /// A guest's stream compresses less, because the header of each page differs.
    static let expansionMax = 10_000
}
