/// A QMP message from QEMU.
struct QMPMessage: Sendable {
    /// The JSON object.
    let text: [UInt8]
    /// The number of the command that this is the reply to; nil if only the object tells.
    var commandNumber: Int?
}
