/// The name of a checkpoint: its guest and number, as in `web1:7`.
package struct CheckpointName: Sendable, Hashable, CustomStringConvertible {
    /// The guest that the checkpoint belongs to.
    package let guest: GuestName
    /// The checkpoint's number within the guest, from 1.
    package let number: Int

    /// Creates a name from a guest and a number, from 1.
    package init(guest: GuestName, number: Int) {
        self.guest = guest
        self.number = number
    }

    /// The name as users write it, for example `web1:7`.
    package var description: String { "\(guest):\(number)" }
}

extension CheckpointName: Comparable {
    /// Compares two names by guest, then by number.
    ///
    /// - Returns: Whether `left` comes before `right`.
    package static func < (left: CheckpointName, right: CheckpointName) -> Bool {
        (left.guest, left.number) < (right.guest, right.number)
    }
}
