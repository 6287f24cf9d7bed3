import GuestMemory
import SnapEngine

extension [DiskSnapshots] {
    /// Writes the field with the disk snapshots that stay after a deletion, if there are any.
    ///
    /// - Parameter json: An open object.
    func writeField(_ json: inout JSONWriter) {
        if isEmpty { return }
        json.key("diskSnapshots")
        json.array(flatMap { left in left.snapshots.map { (left.checkpoint, $0) } }) { json, left in
            let (checkpoint, snapshot) = left
            json.object { json in
                json.field("guest", checkpoint.guest.description)
                json.field("number", checkpoint.number)
                snapshot.writeFields(&json)
                json.field("command", snapshot.deletionCommand)
            }
        }
    }

    /// Writes one line for each disk snapshot that stays, with the command that deletes it.
    ///
    /// - Parameter output: The output.
    func writeText(_ output: inout TextOutput) {
        for left in self {
            for snapshot in left.snapshots {
                output.write(
                    "\(left.checkpoint)  left a snapshot of drive \(snapshot.drive.printable); to "
                        + "delete it: \(snapshot.deletionCommand.printable)\n")
            }
        }
    }
}

extension DiskSnapshot {
    /// Writes the fields of the snapshot's JSON object.
    ///
    /// - Parameter json: An open object.
    func writeFields(_ json: inout JSONWriter) {
        json.field("drive", drive)
        json.field("path", path)
        json.field("name", name)
    }
}
