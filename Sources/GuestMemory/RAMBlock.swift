/// A named contiguous region of guest RAM (QEMU's RAMBlock).
package struct RAMBlock: Sendable, Equatable {
    /// QEMU's name for it; empty for a raw memory image, which is one unnamed block.
    package let name: String
    /// Its length in bytes, a positive multiple of a page.
    package let byteCount: Int
    /// Where the guest sees it, in bytes, if known.
    package let guestPhysicalAddress: UInt64?

    /// The longest block in bytes: 1 PiB.
    package static let byteCountMax = 1 << 50

    /// How many blocks a guest may have.
    package static let countMax = 4096

    /// How long all of them may be together, in bytes: 256 PiB.
    package static let totalByteCountMax = 1 << 58

    /// The longest name in bytes: QEMU gives its length in one byte.
    package static let nameByteCountMax = 255

    /// Whether QEMU could call a block so: printable ASCII, not too long.
    ///
    /// - Parameter text: The name.
    package static func isName(_ text: some StringProtocol) -> Bool {
        (1...nameByteCountMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    }

    /// Describes a RAM block.
    ///
    /// - Parameters:
    ///   - name: QEMU's name for it, or an empty string.
    ///   - byteCount: Its length in bytes.
    ///   - guestPhysicalAddress: Where the guest sees it, if known.
    package init(name: String, byteCount: Int, guestPhysicalAddress: UInt64? = nil) {
        self.name = name
        self.byteCount = byteCount
        self.guestPhysicalAddress = guestPhysicalAddress
    }

    /// Whether it is one that a savevm file can hold, wherever it has been read.
    package var isWithinLimits: Bool {
        (1...Self.byteCountMax).contains(byteCount) && byteCount % Page.byteCount == 0
            && name.utf8.count <= Checkpoint.textByteCountMax
    }

    /// Its length in pages.
    package var pageCount: Int { byteCount / Page.byteCount }

    /// Its length in units; the last one may be shorter.
    package var unitCount: Int { (byteCount + Unit.byteCount - 1) / Unit.byteCount }

    /// For each block the parent's block that its pages are compared with.
    ///
    /// Blocks match by name and length; where either side is unnamed, by length alone, the first
    /// in block order. Each of the parent's blocks is matched at most once.
    ///
    /// - Parameters:
    ///   - blocks: The new checkpoint's blocks.
    ///   - parents: The parent's blocks.
    /// - Returns: For each new block the index of the parent's block, or nil.
    package static func matches(of blocks: [RAMBlock], in parents: [RAMBlock]) -> [Int?] {
        var isTaken = [Bool](repeating: false, count: parents.count)
        return blocks.map { block in
            let match = parents.indices.first { index in
                let parent = parents[index]
                let sameName =
                    block.name == parent.name || block.name.isEmpty || parent.name.isEmpty
                return !isTaken[index] && sameName && block.byteCount == parent.byteCount
            }
            if let match { isTaken[match] = true }
            return match
        }
    }
}
