/// A named contiguous region of guest RAM (QEMU's RAMBlock).
package struct RAMBlock: Sendable, Equatable {
    /// QEMU's name for it; empty for a raw memory image, which is one unnamed block.
    package let name: String
    /// Its length in bytes, a positive multiple of a page.
    package let byteCount: Int
    /// Its address in the guest's physical memory, in bytes; nil if unknown.
    package let guestPhysicalAddress: UInt64?

    /// The length of the longest block, in bytes: 1 PiB.
    package static let byteCountMax = 1 << 50

    /// The most RAM blocks of a guest.
    package static let countMax = 4096

    /// The greatest length of all RAM blocks of a guest together, in bytes: 256 PiB.
    package static let totalByteCountMax = 1 << 58

    /// The length of the longest name, in bytes: QEMU stores the length in one byte.
    package static let nameByteCountMax = 255

    /// Checks whether QEMU can give a RAM block this name.
    ///
    /// - Parameter text: The name.
    /// - Returns: Whether it is 1 to 255 characters of printable ASCII.
    package static func isName(_ text: some StringProtocol) -> Bool {
        (1...nameByteCountMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    }

    /// Creates a RAM block.
    ///
    /// - Parameters:
    ///   - name: QEMU's name for it, or an empty string.
    ///   - byteCount: Its length in bytes, a positive multiple of a page.
    ///   - guestPhysicalAddress: Its address in the guest's physical memory, in bytes; nil if
    ///     unknown.
    package init(name: String, byteCount: Int, guestPhysicalAddress: UInt64? = nil) {
        self.name = name
        self.byteCount = byteCount
        self.guestPhysicalAddress = guestPhysicalAddress
    }

    /// Whether a savevm file can describe it; a row of the index may exceed these limits.
    package var isWithinLimits: Bool {
        (1...Self.byteCountMax).contains(byteCount) && byteCount % Page.byteCount == 0
            && name.utf8.count <= Checkpoint.textByteCountMax
    }

    /// Its length in pages.
    package var pageCount: Int { byteCount / Page.byteCount }

    /// Its length in units; the last one may be shorter.
    package var unitCount: Int { (byteCount + Unit.byteCount - 1) / Unit.byteCount }

    /// Finds, for each block, the parent's block that its pages are compared with.
    ///
    /// Two blocks match if they have the same length, and the same name unless either has none.
    /// A block gets the first of the parent's blocks that matches and is still free; each of the
    /// parent's blocks is used at most once.
    ///
    /// - Parameters:
    ///   - blocks: The new checkpoint's blocks.
    ///   - parents: The parent's blocks.
    /// - Returns: The index of the parent's block for each new block; nil if none matches.
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
