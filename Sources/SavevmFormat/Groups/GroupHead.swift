package import Codecs
import GuestMemory
package import SnapSystem
package import SystemPackage

// Layout: savevm(5), "Groups".
//
//     OFFSET  SIZE  DESCRIPTION
//          0     1  level of the group's pages: 0 guest pages, n tables of level n
//          1     1  reserved
//          2     2  slot count, 1 to 512
//          4     2  cluster count, 1 to 512
//          6     2  reserved
//          8   32c  the clusters, 32 bytes each: see Cluster
//              16n  the digests of the slots' pages, in slot order
//                -  the forms of the slots, in slot order (varints):
//                     0      literal, 4096 bytes
//                     1      dead: no bytes, and nothing live points to it
//                     v ≥ 2  a delta of v-1 bytes; a signed varint follows: its base's location
//                            minus that of the previous base (0 for the first) minus 1

/// The head of a group, which describes its clusters and slots.
package struct GroupHead: Sendable, Equatable {
    /// The level of its pages: 0 for guest pages.
    package let level: Int
    /// Its clusters, in slot order.
    package let clusters: [Cluster]
    /// The records of its pages, in slot order.
    package let records: [Record]

    static let fixedByteCount = 8

    init(level: Int, clusters: [Cluster], records: [Record]) {
        self.level = level
        self.clusters = clusters
        self.records = records
    }

    /// Finds the cluster that contains a slot.
    ///
    /// - Parameter slot: A slot of the group.
    /// - Returns: The cluster's index in `clusters`.
    package func clusterIndex(ofSlot slot: Int) -> Int {
        // Most clusters have about the same number of slots, so the first guess is close.
        var index = min(slot * clusters.count / records.count, clusters.count - 1)
        while clusters[index].firstSlot > slot { index -= 1 }
        while clusters[index].firstSlot + clusters[index].slotCount <= slot { index += 1 }
        return index
    }

    /// Encodes the head in the layout above.
    func encode() -> [UInt8] {
        var writer = ByteWriter(
            capacity: Self.fixedByteCount + clusters.count * Cluster.byteCount
                + records.count * (Hash128.byteCount + 1))
        writer.append(UInt8(level))
        writer.append(0 as UInt8)
        writer.append(UInt16(records.count))
        writer.append(UInt16(clusters.count))
        writer.append(0 as UInt16)
        for cluster in clusters { cluster.encode(to: &writer) }
        for record in records { writer.append(record.digest) }
        var previousBase: UInt64 = 0
        for record in records {
            switch record.form {
            case .literal: writer.append(varint: 0)
            case .dead: writer.append(varint: 1)
            case .delta(let base):
                writer.append(varint: UInt64(record.encodedByteCount) + 1)
                let step = Int64(bitPattern: base.rawValue &- previousBase &- 1)
                writer.append(varint: UInt64(bitPattern: step << 1 ^ step >> 63))
                previousBase = base.rawValue
            }
        }
        return writer.bytes
    }

    /// Decodes a head whose checksum has been checked.
    ///
    /// - Parameters:
    ///   - bytes: The bytes of the head.
    ///   - path: The path of the file that they were read from.
    ///   - offset: The offset of the head in that file.
    ///   - clusterByteCount: The length of the group's clusters together, in bytes.
    ///   - codecMax: The highest codec that the file's header allows.
    /// - Throws: `.damaged`; `.unsupported` for a codec or dictionary of a later version.
    package init(
        _ bytes: [UInt8], path: FilePath, offset: Int, clusterByteCount: Int, codecMax: Codec
    ) throws(SnapError) {
        var reader = ByteReader(bytes, path: path, startOffset: offset)
        level = try reader.count("group level", as: UInt8.self, in: 0...Limits.levelMax)
        try reader.zeros(1, "group head")
        let slotCount = try reader.count(
            "slot count", as: UInt16.self, in: 1...Limits.slotCountMax)
        let clusterCount = try reader.count(
            "cluster count", as: UInt16.self, in: 1...Limits.clusterCountMax)
        try reader.zeros(2, "group head")
        clusters = try Cluster.decode(clusterCount, &reader, codecMax: codecMax)
        let last = clusters[clusterCount - 1]
        guard last.slots.upperBound == slotCount, last.storedEnd == clusterByteCount else {
            throw reader.damage(
                "clusters contain \(last.slots.upperBound) slots in \(last.storedEnd) bytes, "
                    + "expected \(slotCount) in \(clusterByteCount)")
        }
        records = try Self.records(slotCount, &reader)
        try reader.finish("group head")
        for cluster in clusters {
            let slots = records[cluster.firstSlot..<cluster.firstSlot + cluster.slotCount]
            let encodedByteCount = slots.reduce(0) { $0 + $1.encodedByteCount }
            guard encodedByteCount == cluster.encodedByteCount else {
                throw reader.damage(
                    "cluster has \(cluster.encodedByteCount) encoded bytes, its slots have "
                        + "\(encodedByteCount)")
            }
        }
    }

    private static func records(
        _ count: Int, _ reader: inout ByteReader
    ) throws(SnapError) -> [Record] {
        var digests: [Hash128] = []
        digests.reserveCapacity(count)
        for _ in 0..<count { digests.append(try reader.hash("digest")) }
        var records: [Record] = []
        records.reserveCapacity(count)
        var previousBase: UInt64 = 0
        for digest in digests {
            switch try reader.varint("slot's form") {
            case 0: records.append(.literal(digest))
            case 1: records.append(Record(digest: digest, form: .dead, encodedByteCount: 0))
            case let form:
                guard form - 1 <= UInt64(Delta.byteCountMax) else {
                    throw reader.damage(
                        "delta has \(form - 1) bytes, expected at most "
                            + "\(Delta.byteCountMax)")
                }
                let folded = try reader.varint("delta's base")
                let step = UInt64(bitPattern: Int64(folded >> 1) ^ -Int64(folded & 1))
                let base = Location(rawValue: previousBase &+ step &+ 1)
                guard base.number > 0 else { throw reader.damage("delta's base is the zero page") }
                previousBase = base.rawValue
                records.append(.delta(digest, base: base, encodedByteCount: Int(form - 1)))
            }
        }
        return records
    }
}
