import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// Reads damaged parts again that an earlier verification has found.
struct KnownDamageCheck {
    private let guest: GuestDirectory
    private let listing: GuestListing

    /// Creates a check of a guest's files.
    init(of guest: GuestDirectory, _ listing: GuestListing) {
        self.guest = guest
        self.listing = listing
    }

    /// Reads a part again.
    ///
    /// - Parameter part: The part.
    /// - Returns: The damage; nil if the part is intact now, or is not needed any more.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; damage is returned, not thrown.
    func damage(in part: DamagedPart) throws(SnapError) -> FoundDamage? {
        let number = part.number
        if case .deviceState = part, !listing.savevm.contains(number) { return nil }
        if case .sections = part, !listing.savevm.contains(number) { return nil }
        do throws(SnapError) {
            let file = try guest.files.savevm(listing.name(of: number))
            switch part {
            case .savevm: break
            case .sections:
                _ = try file.blocks()
                _ = try file.references()
            case .deviceState:
                var devices = DeviceStateVerifier()
                try devices.check(try guest.files.deviceState(of: file))
            case .group(let group, _):
                if let entry = try file.entryIfPresent(ofGroup: group) {
                    _ = try file.head(entry, level: entry.level)
                }
            case .cluster(let slots, let group, _):
                return try damage(in: slots, ofGroup: group, of: file)
            }
            return nil
        } catch {
            guard error.isDamage else { throw error }
            return FoundDamage(part, error)
        }
    }

    private func damage(
        in slots: Range<Int>, ofGroup group: Int, of file: SavevmFile
    ) throws(SnapError) -> FoundDamage? {
        guard group < file.groupCount, let entry = try file.entryIfPresent(ofGroup: group) else {
            return nil
        }
        let head = try file.head(entry, level: entry.level)
        var pages = PageReader(
            SavevmFiles(try guest.references(of: file, listing), in: guest.files))
        for slot in slots where slot < head.records.count && head.records[slot].form != .dead {
            let location = Location(number: file.header.number, group: group, slot: slot)
            if let found = try pages.damage(at: location, level: entry.level) { return found }
        }
        return nil
    }
}
