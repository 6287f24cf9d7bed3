/// The names and numbers of QEMU's stream format (QEMU's docs/devel/migration/main.rst).
enum StreamFormat {
    static let magic: [UInt8] = Array("QEVM".utf8)
    static let version: UInt32 = 3
    /// The version of streams from QEMU before 0.15, which QEMU itself refuses too.
    static let obsoleteVersion: UInt32 = 2
    static let ramName = "ram"
    static let ramVersion: UInt32 = 4
    static let mappedRAM = "mapped-ram"
    static let ignoreShared = "x-ignore-shared"
    static let xbzrleMark: UInt8 = 0x01
    static let footerByteCount = 5
    /// The commands that a stream in a file may contain: open return path, ping, postcopy advice,
    /// switchover.
    static let harmlessCommands: Set<UInt16> = [1, 2, 3, 11]
    /// The harmless commands that a restored stream must not contain, because they make the
    /// destination answer, or wait for data that a stream in a file does not have.
    static let liveCommands: Set<UInt16> = [1, 2, 3]
}
