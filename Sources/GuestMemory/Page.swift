// GuestMemory
//
// A guest's memory and its checkpoints as plain values: pages and RAM blocks, the images that RAM
// blocks are read from (Images), and the values that the index and the commands share (Catalog). It
// imports only SnapSystem. Start with this file: it defines the size of a page, and the test for
// zero that snap applies to each page first.

/// A page: the smallest part of guest memory that snap handles, 4096 bytes.
package enum Page {
    /// A page's length in bytes.
    package static let byteCount = 4096

    /// Computes the position of a page in a run of pages.
    ///
    /// - Parameter page: The page's index in the run.
    /// - Returns: The page's bytes, as offsets from the start of the run.
    package static func bytes(_ page: Int) -> Range<Int> {
        page * byteCount..<(page + 1) * byteCount
    }

    /// Checks whether a page is zero.
    ///
    /// - Parameter page: The page's 4096 bytes.
    /// - Returns: Whether all bytes are 0.
    package static func isZero(_ page: RawSpan) -> Bool {
        precondition(page.byteCount == byteCount)
        return unsafe page.withUnsafeBytes { page in
            // Most other pages differ from zero in their first word. The loop compares lines of
            // four vectors, which the compiler turns into wide loads.
            if unsafe page.loadUnaligned(as: UInt64.self) != 0 { return false }
            for offset in stride(from: 0, to: byteCount, by: 256) {
                let line = unsafe page.loadUnaligned(
                    fromByteOffset: offset, as: (Line, Line, Line, Line).self)
                let bits = (line.0 | line.1) | (line.2 | line.3)
                if bits != Line(repeating: 0) { return false }
            }
            return true
        }
    }

    private typealias Line = SIMD8<UInt64>
}
