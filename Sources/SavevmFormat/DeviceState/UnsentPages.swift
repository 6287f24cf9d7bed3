package import GuestMemory
package import SnapSystem
package import SystemPackage

// Layout: savevm(5), "Pages that were not sent".
//
//     SIZE  DESCRIPTION
//        4  RAM block count; then for each RAM block that has such pages, ascending:
//        4  which block of the checkpoint
//        4  run count; then for each run, ascending:
//        8  first page
//        8  page count

/// The pages of a stream's RAM that its source has not sent, which is not the same as zero: memory
/// of a virtio-mem device that was not plugged in.
///
/// The page table says zero for them, and a raw image has holes there. A stream leaves them out
/// again.
package struct UnsentPages: Sendable, Equatable {
    /// For each RAM block that has such pages, by its place in the checkpoint, their runs,
    /// ascending and not touching one another.
    package let runs: [Int: [Range<Int>]]

    /// Takes the runs of all blocks.
    ///
    /// - Parameter blocks: For each RAM block of the checkpoint its runs.
    package init(_ blocks: [[Range<Int>]]) {
        runs = Dictionary(
            uniqueKeysWithValues: blocks.enumerated().filter { !$1.isEmpty }.map { ($0, $1) })
    }

    /// The content of the section.
    package func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(runs.count))
        for (block, runs) in runs.sorted(by: { $0.key < $1.key }) {
            writer.append(UInt32(block))
            writer.append(UInt32(runs.count))
            for run in runs {
                writer.append(UInt64(run.lowerBound))
                writer.append(UInt64(run.count))
            }
        }
        return writer.bytes
    }

    /// Reads the content of the section.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - blocks: The RAM blocks of the checkpoint.
    ///   - path: The device-state file, for messages.
    /// - Throws: `.damaged` if a run is not in its block or not behind the one before it.
    package init(
        _ bytes: [UInt8], of blocks: [RAMBlock], path: FilePath
    ) throws(SnapError) {
        var reader = ByteReader(bytes, path: path, startOffset: 0)
        var runs: [Int: [Range<Int>]] = [:]
        var next = 0
        for _ in 0..<(try reader.count("block count", as: UInt32.self, in: 0...blocks.count)) {
            guard next < blocks.count else { throw reader.damage("has a block too many") }
            let block = try reader.count(
                "RAM block", as: UInt32.self, in: next...blocks.count - 1)
            next = block + 1
            runs[block] = try Self.runs(of: blocks[block], &reader)
        }
        try reader.finish("pages that were not sent")
        self.runs = runs
    }

    private static func runs(
        of block: RAMBlock, _ reader: inout ByteReader
    ) throws(SnapError) -> [Range<Int>] {
        let count = try reader.count("run count", as: UInt32.self, in: 1...Int(UInt32.max))
        var runs: [Range<Int>] = []
        var next = 0
        for _ in 0..<count {
            guard next < block.pageCount else { throw reader.damage("has a run too many") }
            let first = try reader.count(
                "first page", as: UInt64.self, in: next...block.pageCount - 1)
            let length = try reader.count(
                "page count", as: UInt64.self, in: 1...block.pageCount - first)
            runs.append(first..<first + length)
            next = first + length
        }
        return runs
    }

    /// Which pages of a unit were not sent.
    ///
    /// - Parameters:
    ///   - unit: The unit.
    ///   - block: The RAM block's place in the checkpoint.
    package func pages(ofUnit unit: Int, block: Int) -> PageSet {
        var pages = PageSet()
        guard let runs = runs[block] else { return pages }
        let all = unit * Unit.pageCount..<(unit + 1) * Unit.pageCount
        // The first run that does not end before the unit.
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].upperBound <= all.lowerBound { low = middle + 1 } else { high = middle }
        }
        while low < runs.count, runs[low].lowerBound < all.upperBound {
            for page in runs[low].clamped(to: all) { pages.insert(page - all.lowerBound) }
            low += 1
        }
        return pages
    }
}
