import GuestMemory
import SnapSystem

extension Range<Int> {
    /// Formats a run of pages as the addresses of its first and last byte in a RAM block.
    ///
    /// - Parameter block: The block that contains the pages.
    /// - Returns: Both addresses, such as `0x00001000-0x00002fff`.
    func addresses(in block: RAMBlock) -> String {
        block.address(lowerBound * Page.byteCount) + "-"
            + block.address(upperBound * Page.byteCount - 1)
    }
}

extension RAMBlock {
    /// The block's name, or a placeholder if it has none.
    var shownName: String { name.isEmpty ? "(unnamed)" : name }

    /// Formats an address in hexadecimal, with the same number of digits throughout the block.
    ///
    /// - Parameter address: The address, in bytes from the block's start.
    /// - Returns: The address, starting with `0x`.
    func address(_ address: Int) -> String {
        let digitCount = max(8, String(byteCount - 1, radix: 16).count)
        return "0x" + String(address, radix: 16).padded(to: digitCount)
    }
}
