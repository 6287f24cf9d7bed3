public import SnapSystem

/// One guest at one point in time, as the index and the command speak of it.
public struct Checkpoint: Sendable, Equatable {
    /// Whose memory it is.
    public var guest: GuestName
    /// Its number, from 1, within the guest.
    public var number: Int
    /// Its name for ever.
    public var id: Identifier
    /// The checkpoint whose pages it shares; nil for a full one.
    public var parent: Int?
    /// When the save began.
    public var createdAt: Timestamp
    /// The user's words for it.
    public var label: String?
    /// The length of all its RAM blocks in bytes.
    public var memoryByteCount: Int
    /// What became of its pages.
    public var pages: PageCounts
    /// The bytes that it added to the store, both files.
    public var storedByteCount: Int
    /// How many device sections it has.
    public var deviceSectionCount: Int
    /// The length of all of them together, in bytes.
    public var deviceStateByteCount: Int

    /// Describes a checkpoint; the parameters are the properties.
    public init(
        guest: GuestName, number: Int, id: Identifier, parent: Int?, createdAt: Timestamp,
        label: String?, memoryByteCount: Int, pages: PageCounts, storedByteCount: Int,
        deviceSectionCount: Int, deviceStateByteCount: Int
    ) {
        self.guest = guest
        self.number = number
        self.id = id
        self.parent = parent
        self.createdAt = createdAt
        self.label = label
        self.memoryByteCount = memoryByteCount
        self.pages = pages
        self.storedByteCount = storedByteCount
        self.deviceSectionCount = deviceSectionCount
        self.deviceStateByteCount = deviceStateByteCount
    }

    /// `full` or `incremental`: without or with a parent whose pages it shares.
    public var kind: String { parent == nil ? "full" : "incremental" }

    /// Its guest and number.
    public var name: CheckpointName { CheckpointName(guest: guest, number: number) }

    /// The highest number of a checkpoint: 24 bits of a location hold it.
    public static let numberMax = (1 << 24) - 1
}
