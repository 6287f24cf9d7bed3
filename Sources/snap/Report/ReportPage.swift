import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// The page that `snap report` writes: one file, readable without a script and without a network.
struct ReportPage {
    /// Where the store is.
    let store: String
    /// When the page is made.
    let now: Timestamp
    /// The guests, by name.
    let guests: [Summarize.Guest]

    /// The page.
    var html: String {
        var page = HTMLWriter()
        page.raw("<!DOCTYPE html>\n")
        page.element("html", ["lang": "en"]) { page in
            page.element("head") { head in
                head.element("meta", ["charset": "utf-8"])
                head.element(
                    "meta",
                    ["name": "viewport", "content": "width=device-width, initial-scale=1"])
                head.element("meta", ["name": "color-scheme", "content": "light dark"])
                head.element("title", "Checkpoints in \(store)")
                head.element("style") { $0.raw(ReportStyle.css) }
            }
            page.element("body") { body in
                body.element("header") { writeHead(&$0) }
                body.element("main") { main in
                    writeTotals(&main)
                    if guests.count > 1 { writeOverview(&main) }
                    for guest in guests { guest.write(&main) }
                }
                body.element("footer") { footer in
                    footer.element(
                        "p", "Made by snap \(Snap.configuration.version) from the store’s index.")
                }
            }
        }
        return page.html
    }

    private func writeHead(_ page: inout HTMLWriter) {
        page.element("h1", "Memory checkpoints")
        page.element("p") { line in
            line.text("Store ")
            line.element("code", store)
            line.text(", on ")
            line.time(now)
        }
    }

    // MARK: Totals

    private func writeTotals(_ page: inout HTMLWriter) {
        let checkpoints = guests.flatMap(\.checkpoints)
        let memory = checkpoints.memoryByteCount
        let stored = guests.reduce(0) { $0.addingClamped($1.storedByteCount) }
        let unchanged = checkpoints.reduce(0) { $0.addingClamped($1.pages.unchanged) }
        page.element("section", ["aria-labelledby": "totals"]) { section in
            section.element("h2", "Totals", with: ["id": "totals"])
            section.element("dl", ["class": "cards"]) { cards in
                cards.card("Guests", guests.count.grouped)
                cards.card("Checkpoints", checkpoints.count.grouped)
                cards.card("Memory", memory.asByteCount, note: "that can be restored")
                cards.card("Stored", stored.asByteCount, note: "in all files")
                cards.card("Ratio", Self.ratio(memory, stored), note: "memory to stored")
                cards.card(
                    "Shared", unchanged.multipliedClamped(by: Page.byteCount).asByteCount,
                    note: "unchanged since their parents")
            }
        }
    }

    /// How many times smaller: `12.3 : 1`.
    static func ratio(_ memory: Int, _ stored: Int) -> String {
        guard stored > 0 else { return "–" }
        let tenths = Int((Double(memory) / Double(stored) * 10).rounded())
        return "\((tenths / 10).grouped).\(tenths % 10) : 1"
    }

    private func writeOverview(_ page: inout HTMLWriter) {
        page.element("nav", ["aria-labelledby": "guests"]) { nav in
            nav.element("h2", "Guests", with: ["id": "guests"])
            nav.table(
                named: "Guests", ["Guest", "Checkpoints", "Newest", "Memory", "Stored"],
                numeric: [1, 3, 4]
            ) { table in
                for guest in guests {
                    table.element("tr") { row in
                        row.element("th", ["scope": "row"]) { cell in
                            cell.element(
                                "a", guest.name.description, with: ["href": "#\(guest.anchor)"])
                        }
                        row.element("td", guest.checkpoints.count.grouped, with: ["class": "n"])
                        row.element("td") { cell in
                            guest.checkpoints.last.map { cell.time($0.createdAt) }
                        }
                        let memory = guest.checkpoints.last?.memoryByteCount ?? 0
                        row.element("td", memory.asByteCount, with: ["class": "n"])
                        row.element("td", guest.storedByteCount.asByteCount, with: ["class": "n"])
                    }
                }
            }
        }
    }
}

extension Sequence<Checkpoint> {
    /// The length of the memory of all of them together, in bytes.
    var memoryByteCount: Int { reduce(0) { $0.addingClamped($1.memoryByteCount) } }
}

extension HTMLWriter {
    /// Writes a time for people and for machines.
    mutating func time(_ time: Timestamp) {
        let text = time.rfc3339.prefix(16).replacing("T", with: " ") + " UTC"
        element("time", String(text), with: ["datetime": time.rfc3339])
    }

    /// Writes a number that stands out, and what it is.
    fileprivate mutating func card(_ name: String, _ value: String, note: String? = nil) {
        element("div") { card in
            card.element("dt", name)
            card.element("dd") { amount in
                amount.element("strong", value)
                if let note { amount.element("span", note) }
            }
        }
    }

    /// Writes a table that scrolls by itself where it is too wide.
    ///
    /// - Parameters:
    ///   - name: What it holds, for those who do not see it.
    ///   - heads: The heads of its columns.
    ///   - numeric: Which columns hold numbers.
    ///   - rows: Writes its rows.
    mutating func table(
        named name: String, _ heads: [String], numeric: Set<Int>,
        _ rows: (inout HTMLWriter) -> Void
    ) {
        element(
            "div", ["class": "scroll", "role": "region", "aria-label": name, "tabindex": "0"]
        ) { box in
            box.element("table") { table in
                table.element("thead") { head in
                    head.element("tr") { row in
                        for (index, text) in heads.enumerated() {
                            row.element(
                                "th", text,
                                with: [
                                    "scope": "col", "class": numeric.contains(index) ? "n" : "t",
                                ])
                        }
                    }
                }
                table.element("tbody") { rows(&$0) }
            }
        }
    }
}
