import CLinux
import Glibc

/// The target of `SystemCalls.seek` (lseek(2)).
enum SeekTarget {
    /// An offset from the file's start, in bytes.
    case start
    case data
    case hole
    /// An offset from the descriptor's current position, in bytes.
    case current

    var rawValue: Int32 {
        switch self {
        case .start: SEEK_SET
        case .current: SEEK_CUR
        case .data: Int32(snap_seek_data)
        case .hole: Int32(snap_seek_hole)
        }
    }
}
