package import GuestMemory
package import SnapSystem

// Layout: savevm(5), "Description".
//
//     SIZE  DESCRIPTION
//    2 + n  guest
//        1  1 if there is a label, else 0
//    2 + n  label, or an empty text
//        8  time of the checkpoint, seconds since 1970-01-01T00:00:00Z, signed
//   7 × 8  pages: zero, unchanged, duplicate, delta, literal; becameZero, moved
//        8  bytes that this checkpoint added to the store, both files
//      192  digest key
//        8  length of the device-state file, or zero
//       16  checksum of its trailer, or zero

/// The description of a checkpoint in its savevm file.
package struct CheckpointDescription: Sendable, Equatable {
    /// The guest that the checkpoint belongs to.
    package var guest: GuestName
    /// The user's label; nil if it has none.
    package var label: String?
    /// The time when the save started, which is the best known time of the memory's content.
    package var createdAt: Timestamp
    /// How many of its pages are zero, shared or stored.
    package var pages: PageCounts
    /// The bytes that it added to the store, in both of its files.
    package var storedByteCount: Int
    /// The key of the page digests in this file.
    package var digestKey: DigestKey
    /// The seal of its device-state file; nil if it has no device state.
    package var deviceState: DeviceStateSeal?

    /// Creates a description from its properties.
    ///
    /// `storedByteCount` is 0 until the file is complete and its length is known.
    package init(
        guest: GuestName, label: String?, createdAt: Timestamp, pages: PageCounts,
        digestKey: DigestKey, deviceState: DeviceStateSeal?
    ) {
        self.guest = guest
        self.label = label
        self.createdAt = createdAt
        self.pages = pages
        storedByteCount = 0
        self.digestKey = digestKey
        self.deviceState = deviceState
    }

    func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(text: guest.description)
        writer.append(UInt8(label == nil ? 0 : 1))
        writer.append(text: label ?? "")
        writer.append(Int64(createdAt.secondsSinceEpoch))
        for field in PageCounts.fields { writer.append(UInt64(pages[keyPath: field])) }
        writer.append(UInt64(storedByteCount))
        writer.append(digestKey.bytes)
        writer.append(UInt64(deviceState?.byteCount ?? 0))
        writer.append(deviceState?.checksum ?? .none)
        return writer.bytes
    }

    static func decode(_ reader: inout ByteReader) throws(SnapError) -> CheckpointDescription {
        let name = try reader.text("guest name")
        guard let guest = GuestName(name) else {
            throw reader.damage(
                "guest name is \"\(name)\", which is not a valid name", bytesBack: name.utf8.count)
        }
        let hasLabel = try reader.count("label flag", as: UInt8.self, in: 0...1) == 1
        let label = try reader.text("label")
        let time = Timestamp(
            secondsSinceEpoch: Int(try reader.integer("time", as: Int64.self)))
        guard Timestamp.range.contains(time) else {
            throw reader.damage(
                "time is \(time.secondsSinceEpoch) s, expected a time in the years 0 to 9999",
                bytesBack: 8)
        }
        var pages = PageCounts()
        for field in PageCounts.fields {
            pages[keyPath: field] = try reader.count(
                "page count", as: UInt64.self, in: 0...Limits.pageCountMax)
        }
        let stored = try reader.count(
            "stored bytes", as: UInt64.self, in: 0...Limits.storedByteCountMax)
        guard let key = DigestKey(try reader.bytes(DigestKey.byteCount, "digest key")) else {
            preconditionFailure("a digest key of \(DigestKey.byteCount) bytes is invalid")
        }
        let deviceByteCount = try reader.count(
            "device-state file's length", as: UInt64.self, in: 0...Limits.storedByteCountMax)
        let checksum = try reader.hash("device-state file's checksum")
        try reader.finish("description")
        var description = CheckpointDescription(
            guest: guest, label: hasLabel ? label : nil,
            createdAt: time, pages: pages, digestKey: key,
            deviceState: deviceByteCount == 0
                ? nil : DeviceStateSeal(byteCount: deviceByteCount, checksum: checksum))
        description.storedByteCount = stored
        return description
    }
}
