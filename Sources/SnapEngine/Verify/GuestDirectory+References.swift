import CheckpointStore
import SavevmFormat
import SnapSystem

extension GuestDirectory {
    /// Finds the files that the slots of a file can have their bases in.
    ///
    /// No checkpoint needs the list of a deleted checkpoint's file. If it is damaged, the lists of
    /// the guest's checkpoints contain the same files.
    func references(
        of file: SavevmFile, _ listing: GuestListing
    ) throws(SnapError) -> [FileReference] {
        let number = file.header.number
        do throws(SnapError) { return try file.references() } catch {
            guard error.isDamage, !listing.savevm.contains(number) else { throw error }
        }
        var references = [file.reference]
        for other in listing.savevm.sorted() where other > number {
            do throws(SnapError) {
                let listed = try files.savevm(.savevm(other)).references()
                if listed.contains(file.reference) { references += listed }
            } catch {
                guard error.isDamage else { throw error }
            }
        }
        return references
    }
}
