import GuestMemory
import SavevmFormat
import SnapSystem

/// Checks all slots of a group, or those that checkpoints need.
///
/// Each worker has its own verifier.
struct GroupVerifier: ~Copyable {
    /// The findings in a group.
    struct Finding: Sendable {
        let number: Int
        let group: Int
        /// The number of guest pages that were checked.
        var pageCount = 0
        /// The number of bytes of the group in its file.
        var byteCount = 0
        /// The slots that cannot be read.
        var lost = LostPages()
        /// The damage that makes the complete group unreadable; nil without such damage.
        var damage: FoundDamage?
    }

    private let files: SavevmFiles
    private var pages: PageReader
    private var tables: TableReader
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)

    /// - Parameter files: The files that the slots and their bases can lie in.
    init(_ files: SavevmFiles) {
        self.files = files
        pages = PageReader(files)
        tables = TableReader(files)
    }

    /// Checks a group.
    ///
    /// - Parameter item: The group and its slots.
    /// - Returns: The finding, which includes damage.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    mutating func verify(_ item: GroupCursor.Item) throws(SnapError) -> Finding {
        var finding = Finding(number: item.number, group: item.group)
        var part = DamagedPart.savevm(item.number)
        do throws(SnapError) {
            let file = try files.file(item.number)
            part = .group(item.group, number: item.number)
            guard let entry = try file.entryIfPresent(ofGroup: item.group) else { return finding }
            let head = try file.head(entry, level: entry.level)
            let slots = head.records.indices.filter { slot in
                item.live?.contains(slot) ?? (head.records[slot].form != .dead)
            }
            finding.byteCount = entry.bytes.count
            finding.pageCount = entry.level == 0 ? slots.count : 0
            let locations = slots.map {
                Location(number: item.number, group: item.group, slot: $0)
            }
            finding.lost = try lostPages(among: locations, level: entry.level)
        } catch {
            guard error.isDamage else { throw error }
            finding.damage = FoundDamage(part, error)
        }
        return finding
    }

    private mutating func lostPages(
        among locations: [Location], level: Int
    ) throws(SnapError) -> LostPages {
        var lost = LostPages()
        do throws(SnapError) { try check(locations, level: level) } catch {
            guard error.isDamage else { throw error }
            for location in locations {
                try Interruption.check()
                do throws(SnapError) { try check([location], level: level) } catch {
                    guard error.isDamage else { throw error }
                    let part = try pages.part(ofLost: location, level: level, error)
                    lost.add(location, error, in: part)
                }
            }
        }
        return lost
    }

    private mutating func check(_ locations: [Location], level: Int) throws(SnapError) {
        if level > 0 {
            try tables.forEachTable(of: locations, level: level, using: &buffer) { _, _ in }
        } else {
            let requests = locations.enumerated().map { PageRequest($1, targetPage: $0) }
            try pages.read(requests, level: level, into: &buffer)
        }
    }
}
