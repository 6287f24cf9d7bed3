import SnapSystem

/// A QMP command that is ready to be sent.
struct QMPCommand: Sendable {
    /// The command's number in this connection.
    let number: Int
    /// The JSON object.
    let text: [UInt8]
    /// A file of which QEMU gets a descriptor; nil for none.
    let file: SharedFile?
}
