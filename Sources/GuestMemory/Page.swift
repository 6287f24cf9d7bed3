// GuestMemory
//
// A guest's memory and its checkpoints as plain values: pages, RAM blocks, the images they are read
// from (Images), and what the index and the command speak of (Catalog). It imports SnapSystem
// alone. Start here: the sizes of everything, and the test for zero that each page passes first.

/// Guest memory's smallest part: 4096 bytes.
package enum Page {
    /// A page's length in bytes.
    package static let byteCount = 4096

    /// Where a page is among the pages of a run of memory, in bytes from its start.
    ///
    /// - Parameter page: Which page of it.
    package static func bytes(_ page: Int) -> Range<Int> {
        page * byteCount..<(page + 1) * byteCount
    }

    /// Whether all bytes of a page are 0.
    ///
    /// - Parameter page: 4096 bytes.
    package static func isZero(_ page: RawSpan) -> Bool {
        precondition(page.byteCount == byteCount)
        return unsafe page.withUnsafeBytes { page in
            // Most pages that are not zero show it in their first words; the rest goes by lines of
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
