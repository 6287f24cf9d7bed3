import GuestMemory
import SavevmFormat

/// The findings in the groups of some files.
struct BatchFindings {
    /// The damaged parts.
    private(set) var damage: [FoundDamage] = []
    /// The number of guest pages that were checked.
    private(set) var pageCount = 0
    /// The last group of each file that was checked, by number.
    private var last: [Int: Int] = [:]

    /// Adds the findings in a group; the groups of a file ascend.
    mutating func add(_ finding: GroupVerifier.Finding) {
        last[finding.number] = finding.group
        pageCount += finding.pageCount
        if let found = finding.damage { damage.append(found) }
        damage += finding.lost.parts
    }

    /// Returns the next group of a file that has slots to check; nil if all are checked.
    func next(in source: GroupCursor.Source) -> Int? {
        let first = last[source.number].map { $0 + 1 } ?? source.groups.lowerBound
        return (min(first, source.groups.upperBound)..<source.groups.upperBound).first { group in
            source.live.map { group < $0.count && !$0[group].isEmpty } ?? true
        }
    }
}
