import GuestMemory
import SavevmFormat
import SnapSystem

/// Keeps a checkpoint's references exact, and their number within the format's limit.
///
/// References only grow along a chain, because a save adds its own file to its parent's references.
/// When the next reference would exceed the limit, or when a file in the list does not exist any
/// more because all of its pages were freed, the parent's tables are walked once to find the files
/// that are still used. If the limit is exceeded even so, the least used files are evicted: the
/// save stores their pages again.
enum ReferenceLimit {
    /// Decides which files a child of a checkpoint can share.
    ///
    /// - Parameters:
    ///   - references: The parent's references.
    ///   - blocks: The parent's RAM blocks.
    ///   - files: The parent's files.
    ///   - existing: The numbers of the guest's files, live and retired.
    /// - Returns: The references to keep, fewer than the limit so that the child's own fits, and
    ///   the numbers of the files to evict.
    /// - Throws: `.damaged` if a table is damaged; `.unsupported`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    static func apply(
        to references: [FileReference], of blocks: [StoredBlock], in files: SavevmFiles,
        existing: Set<Int>
    ) throws(SnapError) -> (references: [FileReference], evicted: Set<Int>) {
        let exceedsLimit = references.count >= Limits.referenceCountMax
        if !exceedsLimit && references.allSatisfy({ existing.contains($0.number) }) {
            return (references, [])
        }
        let uses: [Int: Int]
        do throws(SnapError) { uses = try self.uses(of: files, in: blocks) } catch {
            // With a damaged table, a list with too many files is better than one without a file.
            guard error.isDamage && !exceedsLimit else { throw error }
            return (references, [])
        }
        var kept = references.filter { uses[$0.number] != nil }
        guard kept.count >= Limits.referenceCountMax else { return (kept, []) }
        let leastUsed = kept.sorted {
            (uses[$0.number] ?? 0, $0.number) < (uses[$1.number] ?? 0, $1.number)
        }
        let evicted = Set(
            leastUsed.prefix(kept.count + 1 - Limits.referenceCountAfterEviction).map(\.number))
        kept.removeAll { evicted.contains($0.number) }
        return (kept, evicted)
    }

    /// Counts the pages, tables and bases in each file, by number.
    ///
    /// A table that stands in several places is counted once.
    private static func uses(
        of files: SavevmFiles, in blocks: [StoredBlock]
    ) throws(SnapError) -> [Int: Int] {
        var uses: [Int: Int] = [:]
        var tables = TableReader(files)
        var pages = PageReader(files)
        var visited: Set<StoredSubtree> = []
        var pending = blocks.map(\.rootPlace)
        while let place = pending.popLast() {
            try Interruption.check()
            guard place.location != .zero, visited.insert(place.subtree).inserted else { continue }
            for number in try tables.numbers(place) { uses[number, default: 0] += 1 }
            if place.level == 0 { continue }
            let entries = try tables.entries(place)
            if place.level > 1 {
                pending += entries.enumerated().map { place.child($1, entry: $0) }
                continue
            }
            let known = try pages.metadata(at: entries, level: 0, key: nil)
            for (location, page) in zip(entries, known) where location != .zero {
                uses[location.number, default: 0] += 1
                if let base = page.base { uses[base.number, default: 0] += 1 }
            }
        }
        return uses
    }
}
