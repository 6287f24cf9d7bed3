// The numbers of a QEMU migration stream: QEMU's docs/devel/migration/main.rst.

/// What an element of a stream begins with.
enum ElementType: UInt8 {
    case end = 0x00
    case start = 0x01
    case part = 0x02
    case sectionEnd = 0x03
    case full = 0x04
    case subsection = 0x05
    case description = 0x06
    case configuration = 0x07
    case command = 0x08
    case footer = 0x7e
}

/// What a page record says in the low bits of its first word.
struct PageFlags: OptionSet {
    let rawValue: UInt64

    static let zero = PageFlags(rawValue: 0x002)
    static let memorySize = PageFlags(rawValue: 0x004)
    static let page = PageFlags(rawValue: 0x008)
    static let endOfSection = PageFlags(rawValue: 0x010)
    /// The same RAM block as the record before: no name follows.
    static let sameBlock = PageFlags(rawValue: 0x020)
    static let xbzrle = PageFlags(rawValue: 0x040)
    static let hook = PageFlags(rawValue: 0x080)
    static let compressed = PageFlags(rawValue: 0x100)
    static let multifdFlush = PageFlags(rawValue: 0x200)

    static let known = PageFlags(rawValue: 0x3fe)
}

/// The stream's own names and numbers.
enum StreamFormat {
    static let magic: [UInt8] = Array("QEVM".utf8)
    static let version: UInt32 = 3
    /// A stream of QEMU before 0.15, which QEMU refuses too.
    static let obsoleteVersion: UInt32 = 2
    static let ramName = "ram"
    static let ramVersion: UInt32 = 4
    static let mappedRAM = "mapped-ram"
    static let ignoreShared = "x-ignore-shared"
    static let xbzrleMark: UInt8 = 0x01
    static let footerByteCount = 5
    static let mappedRAMHeaderByteCount = 28
    /// Commands that a stream in a file may have: open return path, ping, postcopy advice,
    /// switchover.
    static let harmlessCommands: Set<UInt16> = [1, 2, 3, 11]
    /// Those of them that speak to a destination which is there: it would answer, or expect what
    /// a stream in a file does not have.
    static let liveCommands: Set<UInt16> = [1, 2, 3]
}

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
    static let descriptionByteCountMax = 16 << 20
    /// The bitmap of a block in a mapped-ram stream, in bytes: that of 2 TiB.
    static let bitmapByteCountMax = 64 << 20
}
