import GuestMemory

/// The limits that every file must keep to.
///
/// Every length and count from a file is compared with one of these limits before it is used as a
/// size or an index.
package enum Limits {
    /// The most slots in a group, and entries in a table.
    package static let slotCountMax = Unit.pageCount
    /// The most clusters in a group: one for each slot in the worst case.
    package static let clusterCountMax = slotCountMax
    /// The most bytes of encoded pages in a cluster, and of content in a piece of a section.
    package static let clusterByteCountMax = 64 * 1024
    /// The most bytes in the head of a group.
    package static let groupHeadByteCountMax =
        GroupHead.fixedByteCount + clusterCountMax * Cluster.byteCount
        + slotCountMax * (Hash128.byteCount + 2 + 10)
    /// The most groups in a file: a location has 31 bits for the group.
    package static let groupCountMax = Location.groupMax + 1
    /// The most bytes in a RAM block: the sum of all blocks fits into 63 bits.
    package static let blockByteCountMax = RAMBlock.byteCountMax
    /// The most levels of tables: the longest RAM block has fewer than 512^5 pages.
    package static let levelMax = 5
    /// The most RAM blocks of a guest.
    package static let blockCountMax = RAMBlock.countMax
    /// The most bytes of a guest's memory, all RAM blocks together.
    package static let memoryByteCountMax = Checkpoint.memoryByteCountMax
    /// The most pages of a guest.
    package static let pageCountMax = memoryByteCountMax / Page.byteCount
    /// The most files that a checkpoint refers to, its own included.
    package static let referenceCountMax = 1024
    /// The most files that a checkpoint refers to when its save had to evict files.
    package static let referenceCountAfterEviction = 512
    /// The most bytes in a name or a label.
    package static let textByteCountMax = Checkpoint.textByteCountMax
    /// The most device sections of a checkpoint.
    package static let deviceSectionCountMax = Checkpoint.deviceSectionCountMax
    /// The most bytes in a device section.
    package static let deviceSectionByteCountMax = Checkpoint.deviceSectionByteCountMax
    /// The most bytes in a section of a file, which is read into memory as one.
    package static let sectionByteCountMax = 1 << 28
    /// The most bytes that a checkpoint can add to a store.
    package static let storedByteCountMax = Checkpoint.storedByteCountMax
}
