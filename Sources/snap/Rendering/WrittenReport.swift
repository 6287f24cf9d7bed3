/// The result of `snap report`, if the report is written to a file.
struct WrittenReport: Rendered {
    /// The path of the report, as the user gave it.
    let output: String
    /// The number of guests in the report.
    let guestCount: Int
    /// The number of checkpoints in the report.
    let checkpointCount: Int

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("output", output)
            json.field("guestCount", guestCount)
            json.field("checkpointCount", checkpointCount)
        }
    }

    func writeText(_ text: inout TextOutput) {
        text.write("\(checkpointCount.counted("checkpoint"))  report written to \(output)\n")
    }
}
