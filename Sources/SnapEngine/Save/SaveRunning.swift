import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

extension Save {
    /// Saves a running guest, which stands still until its pages have been read.
    ///
    /// On failure the guest has been let go, or the error says that it could not be.
    ///
    /// - Parameters:
    ///   - standstill: The guest, running yet.
    ///   - number: The new checkpoint's number.
    ///   - guest: The guest's directory.
    ///   - store: The store.
    ///   - lost: Checkpoints that cannot be parents.
    /// - Throws: What holding the guest and writing the checkpoint throw.
    func takeRunning(
        _ standstill: consuming Standstill, _ number: Int, _ guest: GuestDirectory,
        _ store: borrowing Store, without lost: Set<Int>
    ) throws(SnapError) -> Taken {
        // Before the guest stands still, and so before QEMU says what the blocks are called.
        let parent = try findParent(
            for: standstill.images.map { RAMBlock(name: "", byteCount: $0.block.byteCount) },
            guest, store.index, without: lost)
        var standstill = standstill
        return try Interruption.enduring { () throws(SnapError) in
            var failure: SnapError?
            var isOver = false
            let end = { (standstill: inout Standstill) in
                isOver = true
                do throws(SnapError) { try standstill.end() } catch { failure = error }
            }
            do throws(SnapError) {
                try standstill.begin()
                let stream = try standstill.readDeviceState()
                let content = try SaveContent(standstill.images, stream, path: standstill.socket)
                let session = try SaveSession(
                    self, content, number: number, parent, guest.directory, store.identity)
                let indexed = try session.write { end(&standstill) }
                return Taken(
                    indexed: indexed, standstill: standstill.duration, failure: failure)
            } catch {
                if !isOver { end(&standstill) }
                guard let failure else { throw error }
                throw SnapError(
                    error.code, "\(error.message); and the \(failure.message)", path: error.path,
                    offset: error.offset, hint: failure.hint)
            }
        }
    }
}
