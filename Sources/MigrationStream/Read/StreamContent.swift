package import GuestMemory
package import SnapSystem

/// The content of a stream, except its pages.
package struct StreamContent: Sendable {
    /// The header and the configuration.
    package let configuration: StreamConfiguration
    /// The RAM blocks, in stream order; empty if the stream has no RAM section.
    package let blocks: [RAMBlock]
    /// The indices of the blocks of which the stream contains at least one page.
    package let sentBlocks: Set<Int>
    /// The pages of each block that the source has not sent, as runs; empty if pages were not
    /// staged.
    package let unsentRuns: [[Range<Int>]]
    /// The elements in stream order, without gaps.
    package let elements: [StreamElement]
    /// The file that contains exactly the bytes of the elements.
    package let bytes: SharedFile
    /// The number of bytes after the stream's end; 0 if they were all zero.
    package let strayByteCount: Int

    /// The blocks that the stream lists without pages, because QEMU shares them with other
    /// processes; empty without x-ignore-shared.
    package var ignoredBlocks: [RAMBlock] {
        configuration.ignoresShared
            ? blocks.indices.filter { !sentBlocks.contains($0) }.map { blocks[$0] } : []
    }
}
