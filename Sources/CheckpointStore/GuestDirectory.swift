import CheckpointIndex
package import GuestMemory
package import SavevmFormat
package import SnapSystem

/// One guest's directory in a store.
package struct GuestDirectory: Sendable {
    /// The guest's name, which is also the directory's name.
    package let name: GuestName
    /// The directory that contains the guest's files and locks.
    package let directory: Directory

    /// A value that opens the guest's savevm and device-state files.
    package var files: GuestFiles { GuestFiles(of: name, in: directory) }

    /// Opens the savevm file of a checkpoint that the index lists.
    ///
    /// - Parameter checkpoint: The checkpoint, as the index describes it.
    /// - Returns: The file, checked to have the checkpoint's number and id.
    /// - Throws: `.notFound` if the checkpoint has been deleted; `.damaged` if its file is missing,
    ///   incomplete or another checkpoint's; `.unsupported`, `.permission` or `.inputOutput`.
    package func savevm(of checkpoint: Checkpoint) throws(SnapError) -> SavevmFile {
        let number = checkpoint.number
        let path = directory.file(FileName.savevm(number).text)
        let file: SavevmFile
        do {
            file = try files.savevm(.savevm(number))
        } catch let error where error.code == .notFound {
            // A deletion was interrupted between the rename of the file and the index update.
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

    /// Describes retired files by their lengths and, as far as they can be read, generations.
    ///
    /// - Parameter retired: The checkpoint numbers of the files.
    /// - Returns: A description of each file by its number; a missing file has length 0.
    /// - Throws: `.permission` or `.inputOutput`.
    func indexedFiles(ofRetired retired: Set<Int>) throws(SnapError) -> [Int: IndexedFile] {
        var described: [Int: IndexedFile] = [:]
        for number in retired {
            let name = FileName.retired(number)
            let byteCount = try directory.status(of: name.text)?.byteCount ?? 0
            var generation = 0
            if byteCount > FileHeader.byteCount {
                do throws(SnapError) { generation = try files.savevm(name).generation } catch {
                    // The content of a deleted checkpoint's file need not be intact.
                    guard error.isDamage else { throw error }
                }
            }
            described[number] = IndexedFile(generation: generation, byteCount: byteCount)
        }
        return described
    }
}
