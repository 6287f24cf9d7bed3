package import GuestMemory
package import SavevmFormat
package import SnapSystem
import SystemPackage

/// The slots of deleted checkpoints' files that other checkpoints need.
package struct LiveSlots {
    /// The slots of each file, by number and group; empty for a file without such slots.
    ///
    /// A file in which damage hides what is needed is not included.
    package private(set) var slots: [Int: [PageSet]] = [:]
    /// The damage that hides what is needed.
    package private(set) var damage: [FoundDamage] = []

    /// Walks the tables of a guest's checkpoints.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the files to examine; those of other deleted checkpoints'
    ///     files are left out.
    ///   - guest: The guest's directory. The caller has pinned the checkpoints.
    ///   - listing: The guest's files.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; damage is not thrown.
    package init(
        ofDeleted numbers: Set<Int>, in guest: GuestDirectory, _ listing: GuestListing
    ) throws(SnapError) {
        let space: GuestSpace
        do throws(SnapError) {
            space = try GuestSpace(of: guest, listing, without: [], pinned: [])
        } catch {
            // The file of a checkpoint cannot be read: what that checkpoint needs is not known.
            guard error.isDamage else { throw error }
            let number = error.path?.lastComponent.flatMap { FileName($0.string) }?.number
            if let number { damage.append(FoundDamage(.sections(number), error)) }
            return
        }
        var survey = SpaceSurvey(of: space)
        var slots: [Int: [PageSet]] = [:]
        try survey.run { (number, finding) throws(SnapError) in
            guard numbers.contains(number) else { return }
            switch finding {
            case .header, .dead: slots[number] = []
            case .used(let file, _, let marks):
                slots[number] = (0..<file.groupCount).map {
                    marks.liveSlots(ofGroup: $0, in: number)
                }
            case .hidden: break
            }
        }
        self.slots = slots
        damage = survey.damage.map { FoundDamage($0.part, $0.error) }
    }
}

extension LivenessDamage {
    /// The part of the guest's files that cannot be read.
    fileprivate var part: DamagedPart {
        switch scope {
        case .file(let number): return .savevm(number)
        case .group(let key):
            let first = Location(groupKey: key)
            return .group(first.group, number: first.number)
        case .table(let table):
            return .cluster(
                table.slot..<table.slot + 1, group: table.group, number: table.number)
        }
    }
}
