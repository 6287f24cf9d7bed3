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

    /// `web1:7`.
    public var reference: String { "\(guest):\(number)" }

    /// The highest number of a checkpoint: 24 bits of a location hold it.
    public static let numberMax = (1 << 24) - 1
}

/// What became of a checkpoint's pages.
///
/// `total` is the sum of the first five kinds, tried in this order; `becameZero` and `moved` are
/// parts of others.
public struct PageCounts: Sendable, Equatable {
    /// All bytes are 0.
    public var zero = 0
    /// The parent's page, shared.
    public var unchanged = 0
    /// Equal to a page that the same save stored.
    public var duplicate = 0
    /// Stored as a difference from an older page.
    public var delta = 0
    /// Stored as it is.
    public var literal = 0
    /// Of `zero`: not zero in the parent.
    public var becameZero = 0
    /// Of `unchanged`: stored anew, to let go of an old file.
    public var moved = 0

    /// Counts nothing yet.
    public init() {}

    /// All pages.
    public var total: Int { zero + unchanged + duplicate + delta + literal }

    /// The pages that differ from the parent's.
    public var changed: Int { becameZero + duplicate + delta + literal }

    /// Adds the counts of another part of the memory.
    ///
    /// - Parameter other: The other part's.
    public mutating func add(_ other: PageCounts) {
        zero += other.zero
        unchanged += other.unchanged
        duplicate += other.duplicate
        delta += other.delta
        literal += other.literal
        becameZero += other.becameZero
        moved += other.moved
    }
}

/// One device's saved state, without its bytes.
public struct DeviceSection: Sendable, Equatable {
    /// The device's name, or that of an opaque file.
    public let name: String
    /// Which of several devices of that name.
    public let instanceID: Int
    /// The version of the device's own format.
    public let versionID: Int
    /// The length of its state in bytes.
    public let byteCount: Int

    /// Describes a device section; the parameters are the properties.
    public init(name: String, instanceID: Int, versionID: Int, byteCount: Int) {
        self.name = name
        self.instanceID = instanceID
        self.versionID = versionID
        self.byteCount = byteCount
    }
}
