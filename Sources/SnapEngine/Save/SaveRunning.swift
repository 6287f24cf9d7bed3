import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

extension Save {
    /// Saves a running guest, which stands still until its pages have been read.
    ///
    /// - Returns: The checkpoint, how long the guest stood still, and why it still does, if so.
    func saveRunning(
        _ standstill: consuming Standstill, _ number: Int, _ guest: GuestDirectory,
        _ store: borrowing Store, without lost: Set<Int>
    ) throws(SnapError) -> (IndexedCheckpoint, Duration?, SnapError?) {
        let parent = try findParent(
            for: standstill.images.map(\.block), guest, store.index, without: lost)
        var standstill = standstill
        return try Interruption.enduring { () throws(SnapError) in
            var failure: SnapError?
            do throws(SnapError) {
                try standstill.begin()
                let stream = try standstill.readDeviceState()
                let content = try SaveContent(standstill.images, stream, path: standstill.socket)
                let session = try SaveSession(
                    self, content, number: number, parent, guest.directory, store.identity)
                let indexed = try session.write {
                    do throws(SnapError) { try standstill.end() } catch { failure = error }
                }
                return (indexed, standstill.duration, failure)
            } catch {
                if failure == nil {
                    do throws(SnapError) { try standstill.end() } catch { failure = error }
                }
                guard let failure else { throw error }
                throw SnapError(
                    error.code, "\(error.message); and the \(failure.message)", path: error.path,
                    offset: error.offset, hint: failure.hint)
            }
        }
    }
}
