import CheckpointStore
import GuestMemory
import SavevmFormat

/// The checkpoint that a save makes: what it is called, and where its files go.
struct CheckpointTarget: Sendable {
    /// Its guest and number.
    let name: CheckpointName
    /// Its id and time.
    let stamp: CheckpointStamp
    /// The user's words for it.
    let label: String?
    /// The guest's directory.
    let guest: GuestDirectory
    /// The store's id and key.
    let identity: StoreIdentity

    /// The header of one of its files.
    ///
    /// - Parameters:
    ///   - kind: Which file.
    ///   - parent: What it shares pages with.
    func header(_ kind: FileHeader.Kind, parent: ParentCheckpoint?) -> FileHeader {
        FileHeader(
            kind, number: name.number, storeID: identity.id, checkpointID: stamp.id,
            parent: parent?.reference)
    }

    /// Its savevm file, as other files refer to it.
    var reference: FileReference { FileReference(number: name.number, id: stamp.id) }
}
