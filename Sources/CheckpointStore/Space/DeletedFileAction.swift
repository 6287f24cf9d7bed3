import GuestMemory
import SavevmFormat
import SnapSystem

/// The way to free the dead parts of a deleted checkpoint's file.
enum DeletedFileAction {
    /// Unlink the file.
    case unlink
    /// Keep only the header, so that the checkpoint's number stays taken.
    case shorten
    /// Write a new file with the live parts.
    case rewrite
    /// Free the dead blocks in place.
    case punch([Range<Int>])
    /// Leave the file as it is.
    case keep

    /// The part of a file, in hundredths, that must otherwise stay dead for a file to be rewritten.
    private static let rewrittenDeadPercentage = 30
    private static let blockByteCounts = 4096...1 << 20

    /// A decision, and what it frees.
    struct Decision {
        let action: DeletedFileAction
        /// The number of bytes that the action frees.
        let freedByteCount: Int
        /// Whether the file would be rewritten if there were room for the new one.
        var lacksRoom = false
    }

    /// Decides how to free the dead parts of a file that has live slots.
    ///
    /// The blocks that the file has now count, not what an earlier run has freed: a copy of a store
    /// can have filled the holes of its files.
    ///
    /// - Parameters:
    ///   - use: The file's live and dead parts.
    ///   - status: The file's status.
    ///   - canPunch: Whether blocks can be freed in place.
    ///   - hasRoom: Whether a number of bytes can be written.
    static func decide(
        _ use: DeletedFileUse, _ status: FileStatus, canPunch: Bool,
        hasRoom: (Int) throws(SnapError) -> Bool
    ) throws(SnapError) -> Decision {
        let block = blockByteCount(of: status)
        let roundedUp = { (byteCount: Int) in (byteCount + block - 1) & ~(block - 1) }
        let dead = canPunch ? use.deadBlocks(of: block) : []
        let alive = roundedUp(status.byteCount) - dead.reduce(0) { $0 + $1.count }
        let afterPunch = min(status.diskByteCount, alive)
        let rewritten = roundedUp(use.rewrittenByteCount)
        let staysDead = afterPunch - rewritten
        let isWorthRewriting =
            staysDead > 0 && staysDead * 100 >= afterPunch * rewrittenDeadPercentage
        if isWorthRewriting, try hasRoom(rewritten) {
            // The blocks of a file with several names stay in use.
            let freed = status.linkCount > 1 ? 0 : status.diskByteCount - rewritten
            return Decision(action: .rewrite, freedByteCount: max(0, freed))
        }
        let freed = status.diskByteCount - alive
        let punches = freed > 0 && !dead.isEmpty
        return Decision(
            action: punches ? .punch(dead) : .keep, freedByteCount: punches ? freed : 0,
            lacksRoom: isWorthRewriting)
    }

    private static func blockByteCount(of status: FileStatus) -> Int {
        let block = status.blockByteCount
        let isUsable = blockByteCounts.contains(block) && block & (block - 1) == 0
        return isUsable ? block : blockByteCounts.lowerBound
    }
}
