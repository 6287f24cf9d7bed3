import CLinux
import Glibc

/// The target of `SystemCalls.seek` (lseek(2)).
enum SeekTarget {
    case data
    case hole
    /// An offset from the descriptor's current position, in bytes.
    case current

    var rawValue: Int32 {
        switch self {
        case .current: SEEK_CUR
        case .data: Int32(snap_seek_data)
        case .hole: Int32(snap_seek_hole)
        }
    }
}
