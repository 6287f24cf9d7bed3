/// A checkpoint by its guest and number: `web1:7`.
public struct CheckpointName: Sendable, Hashable, CustomStringConvertible {
    /// The guest.
    public let guest: GuestName
    /// The number, from 1, within the guest.
    public let number: Int

    /// Names a checkpoint; the parameters are the properties.
    public init(guest: GuestName, number: Int) {
        self.guest = guest
        self.number = number
    }

    /// `web1:7`.
    public var description: String { "\(guest):\(number)" }
}

extension CheckpointName: Comparable {
    /// Orders by guest and number.
    public static func < (left: CheckpointName, right: CheckpointName) -> Bool {
        (left.guest, left.number) < (right.guest, right.number)
    }
}
