import CLinux
import Glibc

/// Keeps what is in the process's memory out of files: a guest's pages hold passwords and keys.
package enum ProcessSecrecy {
    /// Forbids core dumps, and other processes of the same user to read the memory.
    ///
    /// The corresponding C functions are `prctl` with `PR_SET_DUMPABLE`, and `setrlimit`: a core
    /// file is not written either by a kernel that looks at one of them alone.
    package static func ensure() {
        _ = snap_forbid_dumps()
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }
}
