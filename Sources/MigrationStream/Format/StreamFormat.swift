// The numbers of a QEMU migration stream: QEMU's docs/devel/migration/main.rst.

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
    /// Commands that a stream in a file may have: open return path, ping, postcopy advice,
    /// switchover.
    static let harmlessCommands: Set<UInt16> = [1, 2, 3, 11]
    /// Those of them that speak to a destination which is there: it would answer, or expect what
    /// a stream in a file does not have.
    static let liveCommands: Set<UInt16> = [1, 2, 3]
}
