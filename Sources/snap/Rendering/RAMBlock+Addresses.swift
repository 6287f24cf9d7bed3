import GuestMemory
import SnapSystem

extension Range<Int> {
    /// A run of pages as the addresses of its first and its last byte in their RAM block.
    ///
    /// - Parameter block: The block.
    func addresses(in block: RAMBlock) -> String {
        block.address(lowerBound * Page.byteCount) + "-"
            + block.address(upperBound * Page.byteCount - 1)
    }
}

extension RAMBlock {
    /// The block's name for people.
    var shownName: String { name.isEmpty ? "(unnamed)" : name }

    /// An address in the block, in as many hex digits as its last one has.
    ///
    /// - Parameter address: The address, in bytes from the block's start.
    func address(_ address: Int) -> String {
        let digitCount = max(8, String(byteCount - 1, radix: 16).count)
        return "0x" + String(address, radix: 16).padded(to: digitCount)
    }
}
