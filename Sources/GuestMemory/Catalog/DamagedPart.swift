/// A part of a guest's files that has wrong content, or is missing.
package enum DamagedPart: Sendable, Hashable {
    /// All of a checkpoint's savevm file.
    case savevm(Int)
    /// The block table or the references of a checkpoint's savevm file, but none of its slots.
    case sections(Int)
    /// A checkpoint's device state.
    case deviceState(Int)
    /// All slots of a group, in the savevm file with this number.
    case group(Int, number: Int)
    /// The slots of a cluster, in a group of the savevm file with this number.
    case cluster(Range<Int>, group: Int, number: Int)

    /// The number of the checkpoint whose file has the part.
    package var number: Int {
        switch self {
        case .savevm(let number), .sections(let number), .deviceState(let number),
            .group(_, let number), .cluster(_, _, let number):
            number
        }
    }

    /// The group that is damaged or has the damaged cluster; nil if all of a file is damaged.
    package var group: Int? {
        switch self {
        case .savevm, .sections, .deviceState: nil
        case .group(let group, _), .cluster(_, let group, _): group
        }
    }

    /// The slots of the group that are damaged; nil if all of a file is damaged.
    package var slots: Range<Int>? {
        switch self {
        case .savevm, .sections, .deviceState: nil
        case .group: 0..<Unit.pageCount
        case .cluster(let slots, _, _): slots
        }
    }
}
