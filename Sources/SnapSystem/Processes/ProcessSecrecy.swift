import CLinux
import Glibc

/// Protection of the process's memory, because a guest's pages contain passwords and keys.
package enum ProcessSecrecy {
    /// Disables core dumps, and denies other processes of the same user access to the memory.
    ///
    /// The corresponding C functions are `prctl` with `PR_SET_DUMPABLE`, and `setrlimit`. Both are
    /// called so that a kernel that checks only one of the settings writes no core file either.
    package static func ensure() {
        _ = snap_forbid_dumps()
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }
}
