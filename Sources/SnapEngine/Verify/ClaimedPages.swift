import GuestMemory
import SavevmFormat
import Synchronization

/// The stored pages that a worker has checked or is checking.
final class ClaimedPages: Sendable {
    private let slots = Mutex<[UInt64: PageSet]>([:])

    /// Claims pages.
    ///
    /// - Parameter locations: Where they are stored.
    /// - Returns: Those that no worker had claimed before.
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
