package import SnapSystem

/// One guest at one point in time, as the index and the command speak of it.
package struct Checkpoint: Sendable, Equatable {
    /// Whose memory it is.
    package var guest: GuestName
    /// Its number, from 1, within the guest.
    package var number: Int
    /// Its permanent id.
    package var id: Identifier
    /// The number of the checkpoint whose pages it shares; nil for a full one.
    package var parentNumber: Int?
    /// When its memory was at rest, as far as is known: when the save began.
    package var createdAt: Timestamp
    /// The user's words for it.
    package var label: String?
    /// The length of all its RAM blocks in bytes.
    package var memoryByteCount: Int
    /// What became of its pages.
    package var pages: PageCounts
    /// The bytes that it added to the store, both files.
    package var storedByteCount: Int
    /// How many device sections it has.
    package var deviceSectionCount: Int
    /// The length of all of them together, in bytes.
    package var deviceStateByteCount: Int

    /// Describes a checkpoint; the parameters are the properties.
    package init(
        guest: GuestName, number: Int, id: Identifier, parentNumber: Int?, createdAt: Timestamp,
        label: String?, memoryByteCount: Int, pages: PageCounts, storedByteCount: Int,
        deviceSectionCount: Int, deviceStateByteCount: Int
    ) {
        self.guest = guest
        self.number = number
        self.id = id
        self.parentNumber = parentNumber
        self.createdAt = createdAt
        self.label = label
        self.memoryByteCount = memoryByteCount
        self.pages = pages
        self.storedByteCount = storedByteCount
        self.deviceSectionCount = deviceSectionCount
        self.deviceStateByteCount = deviceStateByteCount
    }

    /// `full` or `incremental`: without or with a parent whose pages it shares.
    package var kind: String { parentNumber == nil ? "full" : "incremental" }

    /// Its guest and number.
    package var name: CheckpointName { CheckpointName(guest: guest, number: number) }

    /// The highest number of a checkpoint: 24 bits of a location hold it.
    package static let numberMax = (1 << 24) - 1
    /// The longest memory in bytes, all RAM blocks together.
    package static let memoryByteCountMax = RAMBlock.totalByteCountMax
    /// The most that a checkpoint can add to a store, in bytes.
    package static let storedByteCountMax = 1 << 58
    /// The most device sections.
    package static let deviceSectionCountMax = 65536
    /// The longest device section in bytes.
    package static let deviceSectionByteCountMax = 1 << 34
    /// The longest name of a RAM block or device, or label, in bytes.
    package static let textByteCountMax = 4096

    /// Whether it is one that a savevm file can describe, wherever it has been read.
    package var isWithinLimits: Bool {
        (1...Self.numberMax).contains(number)
            && (parentNumber.map { (1..<number).contains($0) } ?? true)
            && Timestamp.range.contains(createdAt)
            && label?.utf8.count ?? 0 <= Self.textByteCountMax
            && (0...Self.memoryByteCountMax).contains(memoryByteCount)
            && PageCounts.fields.allSatisfy { field in
                (0...Self.memoryByteCountMax / Page.byteCount).contains(pages[keyPath: field])
            }
            && (0...Self.storedByteCountMax).contains(storedByteCount)
            && (0...Self.deviceSectionCountMax).contains(deviceSectionCount)
            && (0...Self.deviceSectionCountMax * Self.deviceSectionByteCountMax)
                .contains(deviceStateByteCount)
    }
}
