import GuestMemory

/// What no file may exceed.
///
/// Every length and count read from a file is compared with one of these before it sizes or indexes
/// anything.
package enum Limits {
    /// Slots in a group, entries in a table.
    package static let slotCountMax = Unit.pageCount
    /// Clusters in a group: one for each slot at worst.
    package static let clusterCountMax = slotCountMax
    /// Encoded pages in a cluster, in bytes.
    package static let clusterByteCountMax = 64 * 1024
    /// A group's head in bytes.
    package static let groupHeadByteCountMax =
        GroupHead.fixedByteCount + clusterCountMax * Cluster.byteCount
        + slotCountMax * (Hash128.byteCount + 2 + 10)
    /// Groups in a file: 31 bits of a location hold one.
    package static let groupCountMax = Location.groupMax + 1
    /// A RAM block in bytes: the sum over all blocks still fits 63 bits.
    package static let blockByteCountMax = RAMBlock.byteCountMax
    /// Levels of tables: 512^5 pages are more than such a block has.
    package static let levelMax = 5
    /// RAM blocks of a guest.
    package static let blockCountMax = RAMBlock.countMax
    /// The memory of a guest in bytes, all its RAM blocks together.
    package static let memoryByteCountMax = Checkpoint.memoryByteCountMax
    /// Pages of a guest.
    package static let pageCountMax = memoryByteCountMax / Page.byteCount
    /// Files that a checkpoint refers to, itself included.
    package static let referenceCountMax = 1024
    /// How many are left when a save had to evict files.
    package static let referenceCountAfterMoving = 512
    /// A name or a label in bytes.
    package static let textByteCountMax = Checkpoint.textByteCountMax
    /// Device sections of a checkpoint.
    package static let deviceSectionCountMax = Checkpoint.deviceSectionCountMax
    /// A device section in bytes.
    package static let deviceSectionByteCountMax = Checkpoint.deviceSectionByteCountMax
    /// A section of a file, which is read whole, in bytes.
    package static let sectionByteCountMax = 1 << 28
    /// What a checkpoint can add to a store, in bytes.
    package static let storedByteCountMax = Checkpoint.storedByteCountMax
}
