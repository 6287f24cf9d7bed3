package import SnapSystem

/// A checkpoint as the index and the commands describe it: one guest at one point in time.
package struct Checkpoint: Sendable, Equatable {
    /// The guest that it belongs to.
    package var guest: GuestName
    /// Its number within the guest, from 1.
    package var number: Int
    /// Its permanent id.
    package var id: Identifier
    /// The number of its parent, whose pages it shares; nil for a full checkpoint.
    package var parentNumber: Int?
    /// The time when the save started, which is the best known time of the memory's content.
    package var createdAt: Timestamp
    /// The user's label; nil if it has none.
    package var label: String?
    /// The length of all its RAM blocks together, in bytes.
    package var memoryByteCount: Int
    /// How many of its pages are zero, shared or stored.
    package var pages: PageCounts
    /// The bytes that it added to the store, in both of its files.
    package var storedByteCount: Int
    /// The number of its device sections.
    package var deviceSectionCount: Int
    /// The length of all its device sections together, in bytes.
    package var deviceStateByteCount: Int
    /// The codec with which its files were written.
    package var codec: CheckpointCodec

    /// Creates a checkpoint from its properties.
    package init(
        guest: GuestName, number: Int, id: Identifier, parentNumber: Int?, createdAt: Timestamp,
        label: String?, memoryByteCount: Int, pages: PageCounts, storedByteCount: Int,
        deviceSectionCount: Int, deviceStateByteCount: Int, codec: CheckpointCodec
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
        self.codec = codec
    }

    /// `incremental` if it has a parent whose pages it shares, else `full`.
    package var kind: String { parentNumber == nil ? "full" : "incremental" }

    /// Its name: its guest and number.
    package var name: CheckpointName { CheckpointName(guest: guest, number: number) }

    /// The highest number of a checkpoint: a location has 24 bits for it.
    package static let numberMax = (1 << 24) - 1
    /// The length of the largest memory, all RAM blocks together, in bytes.
    package static let memoryByteCountMax = RAMBlock.totalByteCountMax
    /// The most bytes that a checkpoint can add to a store.
    package static let storedByteCountMax = 1 << 58
    /// The most device sections of a checkpoint.
    package static let deviceSectionCountMax = 65536
    /// The length of the longest device section, in bytes.
    package static let deviceSectionByteCountMax = 1 << 34
    /// The length of the longest label, or name of a RAM block or device, in bytes of UTF-8.
    package static let textByteCountMax = 4096

    /// Whether a savevm file can describe it; a row of the index may exceed these limits.
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
