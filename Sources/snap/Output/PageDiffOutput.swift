import GuestMemory
import SnapEngine
import SnapSystem

/// How changed pages are shown: by RAM block, as ranges of addresses in it.
extension PageDiff.Outcome {
    /// So many lines people look at.
    private static let lineCountMax = 32
    /// How much text is kept before it is written: a diff may have millions of ranges.
    private static let pieceByteCount = 1 << 20

    /// Writes everything as one JSON object.
    ///
    /// - Throws: `.inputOutput` if standard output cannot be written.
    func writeJSON() throws(SnapError) {
        var json = JSONWriter()
        var failure: SnapError?
        json.object { json in
            json.field("from", from.reference)
            json.field("to", to.reference)
            json.key("ramBlocks")
            json.array(blocks) { json, block in
                json.object { json in
                    block.writeCounts(&json)
                    json.key("ranges")
                    json.sequence(block.runs) { json, run in
                        json.object { json in
                            json.field("firstPage", run.lowerBound)
                            json.field("pageCount", run.count)
                        }
                        guard json.byteCount >= Self.pieceByteCount, failure == nil else { return }
                        do throws(SnapError) { try Report.result(json.takeText()) } catch {
                            failure = error
                        }
                    }
                }
            }
        }
        if let failure { throw failure }
        try Report.result(json.takeText() + "\n")
    }

    /// Writes the ranges alone, one on a line, with the block's name if it has one.
    ///
    /// - Throws: `.inputOutput` if standard output cannot be written.
    func writeRanges() throws(SnapError) {
        var text = ""
        for block in blocks {
            let name = block.block.name.isEmpty ? "" : block.block.name.printable + " "
            for run in block.runs {
                text += name + run.addresses(in: block.block) + "\n"
                if text.utf8.count >= Self.pieceByteCount {
                    try Report.result(text)
                    text = ""
                }
            }
        }
        try Report.result(text)
    }

    /// A table of ranges, and what they come to.
    ///
    /// - Parameters:
    ///   - terminal: Where it goes; nil if that is no terminal.
    ///   - showsAll: Whether each range is shown, or those that are close together as one.
    func text(on terminal: Terminal?, showsAll: Bool) -> String {
        let gaps = RunGaps(blocks)
        let gap = showsAll ? 0 : gaps.smallest(forLines: Self.lineCountMax)
        var table = Table([
            Table.Column("RAM BLOCK", .shrinks), Table.Column("ADDRESSES IN IT"),
            Table.Column("SIZE", isNumeric: true, .spare(1)),
            Table.Column("PAGES CHANGED", isNumeric: true),
        ])
        for block in blocks {
            let pages = { (run: Range<Int>) in (run.count * Page.byteCount).asByteCount }
            for (run, changed) in block.joined(gap) {
                table.rows.append([
                    block.block.shownName, run.addresses(in: block.block), pages(run),
                    changed.grouped,
                ])
            }
        }
        var text = table.rows.isEmpty ? "" : table.text(on: terminal)
        if gap > 0 {
            text +=
                "\(gaps.runCount.grouped) ranges, shown as one where at most "
                + "\((gap * Page.byteCount).asByteCount) apart; --all shows each\n"
        }
        return text + summary
    }

    private var summary: String {
        var lines = ""
        for block in blocks where block.change != .compared {
            let which = block.change == .added ? to.reference : from.reference
            lines +=
                "RAM block \(block.block.shownName.printable) of "
                + "\(block.block.byteCount.asByteCount) is in \(which) only\n"
        }
        let compared = blocks.filter { $0.change == .compared }
        let total = compared.reduce(0) { $0 + $1.block.pageCount }
        let changed = compared.reduce(0) { $0 + $1.changedCount }
        let cleared = compared.reduce(0) { $0 + $1.clearedCount }
        let filled = compared.reduce(0) { $0 + $1.filledCount }
        return lines
            + "\(from.reference) to \(to.reference): \(changed.grouped) of "
            + "\(total.counted("page")) changed, of these \(cleared.grouped) became zero, "
            + "\(filled.grouped) were zero\n"
    }
}

/// How far apart the runs of a diff are: counted by powers of two, for there may be millions.
private struct RunGaps {
    /// How many runs there are.
    private(set) var runCount = 0
    /// How many of them are the first of a block.
    private var firstCount = 0
    /// How many gaps have at most 2^n pages, and more than 2^(n-1).
    private var counts = [Int](repeating: 0, count: Int.bitWidth)

    init(_ blocks: [PageDiff.Block]) {
        for block in blocks {
            var end: Int?
            for run in block.runs {
                runCount += 1
                if let end {
                    let gap = run.lowerBound - end
                    counts[Int.bitWidth - (gap - 1).leadingZeroBitCount] += 1
                } else {
                    firstCount += 1
                }
                end = run.upperBound
            }
        }
    }

    /// The least power of two, in pages, so that with gaps up to that closed not more lines are
    /// left than wanted, but one for each block; 0 if none need be closed.
    func smallest(forLines lineCountMax: Int) -> Int {
        var lineCount = runCount
        for (power, count) in counts.enumerated() {
            if lineCount <= max(lineCountMax, firstCount) {
                return power == 0 ? 0 : 1 << (power - 1)
            }
            lineCount -= count
        }
        return 0
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
        json.field("name", block.name)
        json.field("byteCount", block.byteCount)
        json.field("guestPhysicalAddress", block.guestPhysicalAddress)
        json.field("change", change.rawValue)
        json.key("pages")
        json.object { json in
            json.field("total", block.pageCount)
            json.field("changed", changedCount)
            json.field("becameZero", clearedCount)
            json.field("wereZero", filledCount)
        }
    }
}

extension Range<Int> {
    /// A run of pages as the addresses of its first and its last byte in their RAM block.
    ///
    /// - Parameter block: The block.
    func addresses(in block: RAMBlock) -> String {
        block.address(lowerBound * Page.byteCount) + "-"
            + block.address(upperBound * Page.byteCount - 1)
    }
}

extension RAMBlock {
    /// An address in the block, in as many hex digits as its last one has.
    ///
    /// - Parameter address: The address, in bytes from the block's start.
    func address(_ address: Int) -> String {
        let digitCount = max(8, String(byteCount - 1, radix: 16).count)
        let digits = String(address, radix: 16)
        return "0x" + String(repeating: "0", count: digitCount - digits.count) + digits
    }
}
