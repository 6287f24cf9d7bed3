package import GuestMemory
package import SnapSystem
package import SystemPackage

// Layout: savevm(5), "Section table".
//
//     SIZE  DESCRIPTION
//        4  RAM block count; then for each RAM block that has such pages, ascending:
//        4  index of the block in the checkpoint
//        4  run count; then for each run, ascending:
//        8  first page
//        8  page count

/// The RAM pages that the source of a stream did not send.
///
/// They are memory of a virtio-mem device that was not plugged in, which is not the same as zero
/// pages. The page table contains zero for them, and a raw image has holes there. When snap writes
/// the stream again, it omits them too.
package struct UnsentPages: Sendable, Equatable {
    /// The runs of unsent pages of each RAM block that has any, by the block's index.
    ///
    /// The runs of a block are ascending and do not overlap.
    package let runs: [Int: [Range<Int>]]

    /// Creates the list from the runs of all blocks.
    ///
    /// - Parameter blocks: The runs of each RAM block, in the order of the checkpoint's blocks.
    package init(_ blocks: [[Range<Int>]]) {
        runs = Dictionary(
            uniqueKeysWithValues: blocks.enumerated().filter { !$1.isEmpty }.map { ($0, $1) })
    }

    /// Encodes the list as the content of a section.
    ///
    /// - Returns: The section's bytes.
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

    /// Decodes the content of a section.
    ///
    /// - Parameters:
    ///   - bytes: The section's bytes.
    ///   - blocks: The RAM blocks of the checkpoint.
    ///   - path: The path of the device-state file, for messages.
    /// - Throws: `.damaged` if, for example, a run is not inside its block or not after the
    ///   previous run.
    package init(
        _ bytes: [UInt8], of blocks: [RAMBlock], path: FilePath
    ) throws(SnapError) {
        var reader = ByteReader(bytes, path: path, startOffset: 0)
        var runs: [Int: [Range<Int>]] = [:]
        var next = 0
        for _ in 0..<(try reader.count("block count", as: UInt32.self, in: 0...blocks.count)) {
            guard next < blocks.count else { throw reader.damage("lists too many RAM blocks") }
            let block = try reader.count(
                "RAM block", as: UInt32.self, in: next...blocks.count - 1)
            next = block + 1
            runs[block] = try Self.runs(of: blocks[block], &reader)
        }
        try reader.finish("list of unsent pages")
        self.runs = runs
    }

    private static func runs(
        of block: RAMBlock, _ reader: inout ByteReader
    ) throws(SnapError) -> [Range<Int>] {
        let count = try reader.count("run count", as: UInt32.self, in: 1...Int(UInt32.max))
        var runs: [Range<Int>] = []
        var next = 0
        for _ in 0..<count {
            guard next < block.pageCount else { throw reader.damage("lists too many runs") }
            let first = try reader.count(
                "first page", as: UInt64.self, in: next...block.pageCount - 1)
            let length = try reader.count(
                "page count", as: UInt64.self, in: 1...block.pageCount - first)
            runs.append(first..<first + length)
            next = first + length
        }
        return runs
    }

    /// Finds the pages of a unit that were not sent.
    ///
    /// - Parameters:
    ///   - unit: The unit's index in its RAM block.
    ///   - block: The RAM block's index in the checkpoint.
    /// - Returns: The unsent pages of the unit.
    package func pages(ofUnit unit: Int, block: Int) -> PageSet {
        var pages = PageSet()
        guard let runs = runs[block] else { return pages }
        let all = unit * Unit.pageCount..<(unit + 1) * Unit.pageCount
        // Find the first run that ends after the start of the unit.
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
