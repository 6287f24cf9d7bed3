import GuestMemory
import SnapEngine
import SnapSystem

/// The result of `snap diff` for pages: ranges of addresses in each RAM block.
struct ShownPageDiff: Rendered {
    /// The RAM blocks of both checkpoints, with the runs of pages that differ.
    let diff: PageDiff.Outcome
    /// Whether each range is shown on its own line, instead of joining those close to each other.
    let showsAll: Bool

    /// The number of lines above which ranges are joined.
    private static let lineCountMax = 32

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("from", diff.from.name.description)
            json.field("to", diff.to.name.description)
            json.key("ramBlocks")
            json.array(diff.blocks) { json, block in
                json.object { json in
                    block.writeCounts(&json)
                    json.key("ranges")
                    json.sequence(block.runs) { json, run in
                        json.object { json in
                            json.field("firstPage", run.lowerBound)
                            json.field("pageCount", run.count)
                        }
                    }
                }
            }
        }
    }

    /// Writes only the ranges, one per line, each after the block's name if it has one.
    func writeQuiet(_ output: inout TextOutput) {
        for block in diff.blocks {
            let name = block.ram.name.isEmpty ? "" : block.ram.name.printable + " "
            for run in block.runs { output.write(name + run.addresses(in: block.ram) + "\n") }
        }
    }

    /// Writes a table of ranges, and the total number of changed pages.
    func writeText(_ output: inout TextOutput) {
        let gaps = RunGaps(diff.blocks)
        let gap = showsAll ? 0 : gaps.smallest(forLines: Self.lineCountMax)
        let table = table(joining: gap)
        if !table.rows.isEmpty { output.write(table) }
        if gap > 0 {
            output.write(
                "\(gaps.runCount.grouped) ranges, joined where they are at most "
                    + "\((gap * Page.byteCount).asByteCount) apart; --all shows each\n")
        }
        output.write(summary)
    }

    private func table(joining gap: Int) -> Table {
        var table = Table([
            Table.Column("RAM BLOCK", .shrinks), Table.Column("ADDRESSES IN BLOCK"),
            Table.Column("SIZE", isNumeric: true, .spare(1)),
            Table.Column("PAGES CHANGED", isNumeric: true),
        ])
        for block in diff.blocks {
            for (run, changed) in block.joined(gap) {
                table.rows.append([
                    block.ram.shownName, run.addresses(in: block.ram),
                    (run.count * Page.byteCount).asByteCount, changed.grouped,
                ])
            }
        }
        return table
    }

    private var summary: String {
        var lines = ""
        for block in diff.blocks where block.change != .compared {
            let which = block.change == .added ? diff.to.name : diff.from.name
            lines +=
                "RAM block \(block.ram.shownName.printable) of "
                + "\(block.ram.byteCount.asByteCount) is only in \(which)\n"
        }
        let compared = diff.blocks.filter { $0.change == .compared }
        let total = compared.reduce(0) { $0 + $1.ram.pageCount }
        let changed = compared.reduce(0) { $0 + $1.changedCount }
        let cleared = compared.reduce(0) { $0 + $1.clearedCount }
        let filled = compared.reduce(0) { $0 + $1.filledCount }
        return lines
            + "\(diff.from.name) to \(diff.to.name): \(changed.grouped) of "
            + "\(total.counted("page")) changed, of these \(cleared.grouped) became zero "
            + "and \(filled.grouped) were zero before\n"
    }
}

extension PageDiff.Block {
    /// Joins runs that have at most `gap` equal pages between them.
    ///
    /// - Parameter gap: The largest gap to join across, in pages.
    /// - Returns: The joined runs, each with the number of its pages that differ.
    fileprivate func joined(_ gap: Int) -> [(run: Range<Int>, changedCount: Int)] {
        var joined: [(run: Range<Int>, changedCount: Int)] = []
        for run in runs {
            if let last = joined.last, run.lowerBound - last.run.upperBound <= gap {
                joined[joined.count - 1] = (
                    last.run.lowerBound..<run.upperBound, last.changedCount + run.count
                )
            } else {
                joined.append((run, run.count))
            }
        }
        return joined
    }

    fileprivate func writeCounts(_ json: inout JSONWriter) {
        json.field("name", ram.name)
        json.field("byteCount", ram.byteCount)
        json.field("guestPhysicalAddress", ram.guestPhysicalAddress)
        json.field("change", change.rawValue)
        json.key("pages")
        json.object { json in
            json.field("total", ram.pageCount)
            json.field("changed", changedCount)
            json.field("becameZero", clearedCount)
            json.field("wereZero", filledCount)
        }
    }
}
