import SavevmFormat
import SnapSystem

/// The device-state files of deleted checkpoints, divided into those that others need and the rest.
///
/// A checkpoint's device state can need one other file, its base. Which files are bases follows
/// from the headers of the files alone.
struct DeletedDeviceStates {
    /// The numbers of the files that stay: bases of other files, and files that a reader reads.
    private(set) var needed: Set<Int>
    /// The numbers of the files that nothing needs.
    private(set) var unneeded: Set<Int>
    /// The error because of which files that may be bases stay; nil without damage.
    private(set) var damage: SnapError?
    /// The number of the checkpoint whose device state is damaged.
    private(set) var damagedNumber: Int?

    /// Finds the files that are needed.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the deleted checkpoints' files. All other device-state files of
    ///     the guest keep their bases.
    ///   - guest: The guest's directory.
    ///   - listing: The guest's files.
    ///   - pinned: The numbers of the deleted checkpoints that readers have pinned.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    init(
        _ numbers: Set<Int>, of guest: GuestDirectory, _ listing: GuestListing, pinned: Set<Int>
    ) throws(SnapError) {
        needed = numbers.intersection(pinned)
        unneeded = numbers.subtracting(pinned)
        var undecided: Set<Int> = []
        for number in unneeded {
            if try Self.canBeBase(number, of: guest, listing) { undecided.insert(number) }
        }
        let users = listing.deviceState.union(listing.retiredDeviceState)
            .subtracting(numbers).union(needed)
        // Most bases are needed by one of the next checkpoints, so few headers are read.
        for number in users.sorted() where undecided.contains(where: { $0 < number }) {
            try Interruption.check()
            guard let name = listing.deviceStateName(of: number) else { continue }
            do throws(SnapError) {
                guard let base = try guest.files.deviceStateHeader(name).base?.checkpoint.number
                else { continue }
                if undecided.remove(base) != nil { keep([base]) }
            } catch {
                guard error.isDamage else { throw error }
                damage = error
                damagedNumber = number
                keep(undecided)
                return
            }
        }
    }

    private mutating func keep(_ numbers: Set<Int>) {
        needed.formUnion(numbers)
        unneeded.subtract(numbers)
    }

    /// Whether a file can be the base of another: it has no base, or its header is damaged.
    private static func canBeBase(
        _ number: Int, of guest: GuestDirectory, _ listing: GuestListing
    ) throws(SnapError) -> Bool {
        guard let name = listing.deviceStateName(of: number) else { return false }
        do throws(SnapError) { return try guest.files.deviceStateHeader(name).base == nil } catch {
            guard error.isDamage else { throw error }
            return true
        }
    }
}
