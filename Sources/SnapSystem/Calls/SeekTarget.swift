import CLinux
import Glibc

/// What `SystemCalls.seek` looks for (lseek(2)).
enum SeekTarget {
    case data
    case hole
    /// So many bytes from where the descriptor stands.
    case current

    var rawValue: Int32 {
        switch self {
        case .current: SEEK_CUR
        case .data: Int32(snap_seek_data)
        case .hole: Int32(snap_seek_hole)
        }
    }
}
