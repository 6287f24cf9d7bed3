/// What no stream may exceed: each length that is read is compared with one of these, or with the
/// bytes that are there, before it sizes anything.
enum StreamLimits {
    static let nameByteCountMax = 255
    static let machineByteCountMax = 1024
    static let capabilityCountMax = 256
    static let blockCountMax = 4096
    /// All RAM of a guest, in bytes: 16 TiB.
    static let memoryByteCountMax = 1 << 44
    static let pageByteCounts = [1024, 2048, 4096, 8192, 16384, 32768, 65536]
    static let elementCountMax = 1 << 16
    /// Sections whose end is searched for, one inside the other.
    static let searchDepthMax = 64
    /// Places in a stream from which that search follows all ways.
    static let searchPlaceCountMax = 1 << 18
    /// Descriptions that are tried where the last one does not fit.
    static let descriptionCountMax = 16
    static let descriptionByteCountMax = 1 << 20
    /// Objects and arrays of a description, one inside the other.
    static let descriptionDepthMax = 32
    /// The bitmap of a block in a mapped-ram stream, in bytes: that of 2 TiB.
    static let bitmapByteCountMax = 64 << 20
}
