/// What `report` shows when the page is in a file.
struct WrittenReport: Rendered {
    /// The file.
    let output: String
    /// How many guests the page has.
    let guestCount: Int
    /// How many checkpoints it has.
    let checkpointCount: Int

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("output", output)
            json.field("guestCount", guestCount)
            json.field("checkpointCount", checkpointCount)
        }
    }

    func writeText(_ text: inout TextOutput) {
        text.write("\(checkpointCount.counted("checkpoint"))  reported to \(output)\n")
    }
}
