import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Groups")
struct GroupTests {
    private static func compression(_ seed: Int) -> Compression {
        Builder.compressions[seed % Builder.compressions.count]
    }

    /// Encodes a group of random slots: literals of text, and deltas against any location.
    private static func group(_ seed: Int) throws -> (EncodedGroup, [Record]) {
        var generator = Seeded(UInt64(seed))
        var records: [Record] = []
        var bytes: [UInt8] = []
        for slot in 0..<Int.random(in: 1...512, using: &generator) {
            let digest = Hash128(low: generator.next(), high: generator.next())
            if Bool.random(using: &generator) {
                records.append(.literal(digest))
                bytes += GeneratedImage.text(slot)
            } else {
                let count = Int.random(in: 1...2047, using: &generator)
                let base = Location(
                    number: .random(in: 1...Checkpoint.numberMax, using: &generator),
                    group: .random(in: 0...Location.groupMax, using: &generator),
                    slot: .random(in: 0..<512, using: &generator))
                records.append(.delta(digest, base: base, encodedByteCount: count))
                bytes += (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            }
        }
        let group = try bytes.withBytes { bytes in
            try GroupEncoder(compression(seed)).encode(records, bytes, level: seed % 3)
        }
        return (group, records)
    }

    @Test("a group head is read back unchanged", arguments: 0..<20)
    func roundTrip(seed: Int) throws {
        let (group, records) = try Self.group(seed)
        let head = try GroupHead(
            group.head, path: "file", offset: 0, clusterByteCount: group.clusters.count,
            codecMax: .zstd)
        #expect(head.level == seed % 3)
        #expect(head.records == records)
        #expect(head.clusters.reduce(0) { $0 + $1.slotCount } == records.count)
        #expect(head.clusters.allSatisfy { $0.encodedByteCount <= Limits.clusterByteCountMax })
        // All clusters have about the same length.
        let shareMax = try Compressor(Self.compression(seed)).clusterByteCount
        let total = head.clusters.reduce(0) { $0 + $1.encodedByteCount }
        let share = total / head.clusters.count
        #expect(head.clusters.allSatisfy { abs($0.encodedByteCount - share) <= 4096 })
        #expect(share <= shareMax && (head.clusters.count == 1 || 2 * share > shareMax))
        for slot in records.indices {
            let cluster = head.clusters[head.clusterIndex(ofSlot: slot)]
            #expect(
                (cluster.firstSlot..<cluster.firstSlot + cluster.slotCount).contains(slot))
        }
    }

    @Test("a zstd frame in a file without the flag for zstd is refused")
    func flag() throws {
        let seed = try #require(Builder.compressions.firstIndex(of: Compression(.zstd)))
        let (group, _) = try Self.group(seed)
        let error = #expect(throws: SnapError.self) {
            try GroupHead(
                group.head, path: "file", offset: 100, clusterByteCount: group.clusters.count,
                codecMax: .zlib)
        }
        #expect(error?.code == .unsupported && error?.offset == 110)
    }

    @Test("a damaged group head is refused or read, and never traps", arguments: 0..<40)
    func fuzz(seed: Int) throws {
        var generator = Seeded(UInt64(seed) &+ 1000)
        let (group, _) = try Self.group(seed)
        var refused = 0
        for _ in 0..<100 {
            var head = group.head
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(
                    in: 0..<(Bool.random(using: &generator) ? head.count : min(head.count, 80)),
                    using: &generator)
                head[index] = .random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                head.removeLast(.random(in: 0..<head.count, using: &generator))
            }
            do throws(SnapError) {
                let read = try GroupHead(
                    head, path: "file", offset: 0, clusterByteCount: group.clusters.count,
                    codecMax: .zstd)
                for slot in read.records.indices { _ = read.clusterIndex(ofSlot: slot) }
            } catch {
                #expect(error.code == .damaged || error.code == .unsupported)
                refused += 1
            }
        }
        #expect(refused > 0)
    }

    @Test(
        "a table with an invalid or surplus entry is refused",
        arguments: [1, 511, 512, 513, 262_145])
    func tables(pageCount: Int) throws {
        let table = PageTableShape(pageCount: pageCount)
        let here = Location(number: 5, group: 1, slot: 0)
        let decode = { (entries: [UInt64], index: Int) throws(SnapError) -> [Location] in
            try table.decode(
                PageTableShape.encode(entries.map { Location(rawValue: $0) }), level: 1,
                index: index,
                at: here, path: "file")
        }
        let last = table.count(level: 1) - 1
        let entryCount = table.entryCount(level: 1, index: last)
        let full = [UInt64](repeating: here.rawValue, count: entryCount)
        #expect(try decode(full, last).count == 512)
        for bad in [here.rawValue | 1 << 60, 1, 511, 1 << 39] {
            #expect(throws: SnapError.self) { _ = try decode([bad], 0) }
        }
        if entryCount < 512 {
            #expect(throws: SnapError.self) { _ = try decode(full + [here.rawValue], last) }
        }
    }
}
