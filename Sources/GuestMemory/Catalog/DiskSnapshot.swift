/// An internal snapshot of a disk image, which was taken at the instant of a checkpoint.
package struct DiskSnapshot: Codable, Sendable, Equatable {
    /// QEMU's name of the drive: its device name or, without one, its node name.
    package let drive: String
    /// The path of the disk image, as QEMU reports it.
    package let path: String
    /// The name of the snapshot in the image.
    package let name: String

    /// Creates a snapshot; the parameters are the properties of these names.
    package init(drive: String, path: String, name: String) {
        self.drive = drive
        self.path = path
        self.name = name
    }

    /// The shell command that deletes the snapshot while no QEMU uses the image.
    package var deletionCommand: String {
        "qemu-img snapshot -d \(Self.quoted(name)) \(Self.quoted(path))"
    }

    /// Quotes a word for a shell, if it needs quotes.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/._-+@%:,".utf8.contains(byte)
            }
        }
        if isPlain && !word.isEmpty && !word.hasPrefix("-") { return word }
        return "'"
            + word.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''") + "'"
    }
}
