package import GuestMemory
package import SnapSystem

/// What a stream holds besides pages.
package struct StreamContent: Sendable {
    /// What it says of itself.
    package let configuration: StreamConfiguration
    /// Its RAM blocks, in its order; none if it has no RAM section.
    package let blocks: [RAMBlock]
    /// Those of them of which pages have come.
    package let sentBlocks: Set<Int>
    /// For each block the pages that the source has not sent, as runs; empty where pages were not
    /// staged.
    package let unsentRuns: [[Range<Int>]]
    /// Its elements in order, one after the other without gaps.
    package let elements: [StreamElement]
    /// The file that holds their bytes, and no others.
    package let bytes: SharedFile
    /// How many bytes, not all of them zero, followed its end.
    package let strayByteCount: Int

    /// The blocks that are listed and of which no page has come, because others share them.
    package var ignoredBlocks: [RAMBlock] {
        configuration.ignoresShared
            ? blocks.indices.filter { !sentBlocks.contains($0) }.map { blocks[$0] } : []
    }
}
