import GuestMemory

extension RebuiltIndex: Rendered {
    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("guestCount", guestCount)
            json.field("checkpointCount", checkpointCount)
            json.field("damagedFileCount", damagedFileCount)
        }
    }

    func writeText(_ output: inout TextOutput) {
        output.write(
            guestCount.counted("guest") + ", " + checkpointCount.counted("checkpoint") + "\n")
    }
}
