import CheckpointIndex
package import GuestMemory
package import SavevmFormat
package import SnapSystem

/// One guest's directory in a store.
package struct GuestDirectory: Sendable {
    /// The guest.
    package let name: GuestName
    /// Where its files are.
    package let directory: Directory

    /// Opens its files.
    package var files: GuestFiles { GuestFiles(of: name, in: directory) }

    /// Opens a checkpoint's own savevm file.
    ///
    /// - Parameter checkpoint: A checkpoint of the index.
    /// - Throws: `.notFound` if it has been deleted; `.damaged` if it is missing, incomplete or
    ///   another's; `.unsupported`, `.permission` or `.inputOutput`.
    package func savevm(of checkpoint: Checkpoint) throws(SnapError) -> SavevmFile {
        let number = checkpoint.number
        let path = directory.file(FileName.savevm(number).text)
        let file: SavevmFile
        do {
            file = try files.savevm(.savevm(number))
        } catch let error where error.code == .notFound {
            // A deletion was interrupted before it got to the index.
            if try directory.status(of: FileName.retired(number).text) != nil {
                throw SnapError(.notFound, "checkpoint \(checkpoint.name) has been deleted")
            }
            throw SnapError(.damaged, "is missing", path: path)
        }
        guard file.reference == FileReference(number: number, id: checkpoint.id) else {
            throw SnapError(
                .damaged,
                "is checkpoint \(file.header.number) of id \(file.reference.id.hex), expected "
                    + "\(number) of id \(checkpoint.id.hex)", path: path)
        }
        return file
    }

    /// The lengths of retired files, whose content may be gone.
    ///
    /// - Parameter retired: The files' numbers.
    /// - Throws: `.permission` or `.inputOutput`.
    func indexedFiles(ofRetired retired: Set<Int>) throws(SnapError) -> [Int: IndexedFile] {
        var files: [Int: IndexedFile] = [:]
        for number in retired {
            let status = try directory.status(of: FileName.retired(number).text)
            files[number] = IndexedFile(generation: 0, byteCount: status?.byteCount ?? 0)
        }
        return files
    }
}
