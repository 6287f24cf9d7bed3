/// How the stream in a libvirt save file is stored; the raw values are those of the header.
enum LibvirtCompression: UInt32, CaseIterable {
    case none = 0
    case gzip = 1
    case bzip2 = 2
    case xz = 3
    case lzop = 4
    case zstd = 5
    /// The stream is in QEMU's mapped-ram format, whose offsets count from the file's start.
    case sparse = 6
}
