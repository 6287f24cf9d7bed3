import GuestMemory
import SnapEngine
import SnapSystem

/// What `diff` shows of changed pages: by RAM block, as ranges of addresses in it.
struct ShownPageDiff: Rendered {
    /// What was compared.
    let diff: PageDiff.Outcome
    /// Whether each range is shown, or those that are close together as one.
    let showsAll: Bool

    /// How many lines are shown, unless all are.
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

    /// Writes the ranges alone, one on a line, with the block's name if it has one.
    func writeQuiet(_ output: inout TextOutput) {
        for block in diff.blocks {
            let name = block.ram.name.isEmpty ? "" : block.ram.name.printable + " "
            for run in block.runs { output.write(name + run.addresses(in: block.ram) + "\n") }
        }
    }

    /// Writes a table of ranges, and what they come to.
    func writeText(_ output: inout TextOutput) {
        let gaps = RunGaps(diff.blocks)
        let gap = showsAll ? 0 : gaps.smallest(forLines: Self.lineCountMax)
        let table = table(joining: gap)
        if !table.rows.isEmpty { output.write(table) }
        if gap > 0 {
            output.write(
                "\(gaps.runCount.grouped) ranges, shown as one where at most "
                    + "\((gap * Page.byteCount).asByteCount) apart; --all shows each\n")
        }
        output.write(summary)
    }

    private func table(joining gap: Int) -> Table {
        var table = Table([
            Table.Column("RAM BLOCK", .shrinks), Table.Column("ADDRESSES IN IT"),
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
                + "\(block.ram.byteCount.asByteCount) is in \(which) only\n"
        }
        let compared = diff.blocks.filter { $0.change == .compared }
        let total = compared.reduce(0) { $0 + $1.ram.pageCount }
        let changed = compared.reduce(0) { $0 + $1.changedCount }
        let cleared = compared.reduce(0) { $0 + $1.clearedCount }
        let filled = compared.reduce(0) { $0 + $1.filledCount }
        return lines
            + "\(diff.from.name) to \(diff.to.name): \(changed.grouped) of "
            + "\(total.counted("page")) changed, of these \(cleared.grouped) became zero, "
            + "\(filled.grouped) were zero\n"
    }
}

extension PageDiff.Block {
    /// The runs, those with no more than so many equal pages between them as one, each with how
    /// many of its pages differ.
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
