import SavevmFormat

/// What the units of a save are compared with, and how.
struct UnitComparison: Sendable {
    /// The RAM blocks.
    let blocks: [SaveBlock]
    /// What the save shares pages with.
    let parent: ParentCheckpoint?
    /// The key of the save's digests.
    let digestKey: DigestKey
    /// Whether the bytes of pages are compared too, not only their digests.
    let comparesBytes: Bool
}
