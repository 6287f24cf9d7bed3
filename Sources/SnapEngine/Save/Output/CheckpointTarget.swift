import CheckpointStore
import GuestMemory
import SavevmFormat

/// The checkpoint that a save creates: its name and the directory of its files.
struct CheckpointTarget: Sendable {
    /// The checkpoint's guest and number.
    let name: CheckpointName
    /// The checkpoint's id and time.
    let stamp: CheckpointStamp
    /// The user's label for the checkpoint; nil without a label.
    let label: String?
    /// The codec of its files.
    let codec: CheckpointCodec
    /// The guest's directory, in which the files are created.
    let guest: GuestDirectory
    /// The store's id and digest key.
    let identity: StoreIdentity

    /// Creates the header of one of the checkpoint's files.
    ///
    /// - Parameters:
    ///   - kind: The kind of file.
    ///   - parent: The checkpoint's parent; nil for a full checkpoint.
    ///   - base: The base of a device-state file; nil without a base.
    func header(
        _ kind: FileHeader.Kind, parent: ParentCheckpoint?, base: DeviceStateBase? = nil
    ) -> FileHeader {
        FileHeader(
            kind, number: name.number, storeID: identity.id, checkpointID: stamp.id,
            parent: parent?.reference, codec: codec, base: base)
    }

    /// The reference by which other files refer to the checkpoint's savevm file.
    var reference: FileReference { FileReference(number: name.number, id: stamp.id) }
}
