import GuestMemory
import SavevmFormat
import Synchronization

/// The stored pages that some worker has checked or is checking.
final class ClaimedPages: Sendable {
    /// The claimed slots of each group, by the group's key.
    private let slots = Mutex<[UInt64: PageSet]>([:])

    /// Claims pages for the calling worker.
    ///
    /// - Parameter locations: The locations of the pages; zero pages are ignored.
    /// - Returns: The locations that no worker had claimed before.
    func claim(_ locations: [Location]) -> [Location] {
        slots.withLock { slots in
            locations.filter { location in
                if location == .zero { return false }
                if slots[location.groupKey]?.contains(location.slot) ?? false { return false }
                slots[location.groupKey, default: PageSet()].insert(location.slot)
                return true
            }
        }
    }
}
