/// A checkpoint by its guest and number: `web1:7`.
package struct CheckpointName: Sendable, Hashable, CustomStringConvertible {
    /// The guest.
    package let guest: GuestName
    /// The number, from 1, within the guest.
    package let number: Int

    /// Names a checkpoint; the parameters are the properties.
    package init(guest: GuestName, number: Int) {
        self.guest = guest
        self.number = number
    }

    /// `web1:7`.
    package var description: String { "\(guest):\(number)" }
}

extension CheckpointName: Comparable {
    /// Orders by guest and number.
    package static func < (left: CheckpointName, right: CheckpointName) -> Bool {
        (left.guest, left.number) < (right.guest, right.number)
    }
}
