// Measures how long the reader of stored pages takes for one page.
//
//     random-reads STORE GUEST NUMBER [COUNT]
//
// Reads COUNT (4000) random pages of a checkpoint's first RAM block, none of them zero, with one
// reader. The order is random, so nearly every read needs another group and another cluster; the
// files themselves are in the page cache. Prints p50_us and p99_us, in microseconds.

import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The random order of the pages, the same in each run (splitmix64).
private struct Order: RandomNumberGenerator {
    var state: UInt64 = 1

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

@main
struct RandomReads {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4, let number = Int(arguments[3]) else {
            throw SnapError(.usage, "usage: random-reads STORE GUEST NUMBER [COUNT]")
        }
        let count = arguments.count > 4 ? Int(arguments[4]) ?? 4000 : 4000
        let guest = try GuestName(checking: arguments[2], as: "guest")
        let path = FilePath(arguments[1]).appending("guests").appending(arguments[2])
        let directory = GuestFiles(of: guest, in: Directory(path, .kernel))
        let file = try directory.savevm(.savevm(number))
        let files = SavevmFiles(try file.references(), in: directory)
        let locations = try locations(of: file.blocks()[0], files)
        var durations = try read(locations, count: count, from: files)
        durations.sort()
        let shown = [50, 99].map { percent in
            let nanoseconds =
                durations[durations.count * percent / 100]
                .components.attoseconds / 1_000_000_000
            return "p\(percent)_us=\(Double(nanoseconds) / 1000)"
        }
        print(shown.joined(separator: " "))
    }

    /// Returns the locations of a block's pages that are not zero.
    private static func locations(
        of block: StoredBlock, _ files: SavevmFiles
    ) throws -> [Location] {
        var tables = PageTableWalker(block, files)
        return try (0..<block.ram.unitCount).flatMap { unit in
            try tables.locations(level: 0, inTable: unit).filter { $0 != .zero }
        }
    }

    private static func read(
        _ locations: [Location], count: Int, from files: SavevmFiles
    ) throws -> [Duration] {
        var reader = PageReader(files)
        var buffer = MemoryBuffer(byteCount: Page.byteCount)
        var order = Order()
        let clock = ContinuousClock()
        var durations: [Duration] = []
        for _ in 0..<count {
            let location = locations[Int.random(in: 0..<locations.count, using: &order)]
            let start = clock.now
            try reader.read(
                [PageRequest(location, targetPage: 0)], level: 0, into: &buffer)
            durations.append(clock.now - start)
        }
        return durations
    }
}
