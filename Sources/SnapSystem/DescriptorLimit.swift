import Glibc

/// The number of files that the process can have open at the same time (RLIMIT_NOFILE).
package enum DescriptorLimit {
    /// The number of free descriptors that a command needs.
    ///
    /// They are used for standard streams that the caller has closed, locks, the index and its
    /// journal, inputs, outputs and some savevm files.
    private static let freeCountMin = 32

    /// The current soft limit, as getrlimit(2) reports it.
    package static var current: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return freeCountMin
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Raises the soft limit to the hard limit, and checks that enough descriptors are free.
    ///
    /// The usual soft limit of 1,024 exists for programs that call select(2), but a checkpoint can
    /// refer to that many files. Call this function first, so that too few descriptors are one
    /// clear error.
    ///
    /// - Throws: `.inputOutput` if too few descriptors are free.
    package static func raise() throws(SnapError) {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        if unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            // If the system refuses, the old limit must suffice.
            _ = unsafe setrlimit(resource, &limit)
        }
        let count = current
        var freeCount = 0
        for descriptor in 0..<Int32(clamping: count) where freeCount < freeCountMin {
            if fcntl(descriptor, F_GETFD) == -1 { freeCount += 1 }
        }
        guard freeCount == freeCountMin else {
            throw SnapError(
                .inputOutput,
                "\(freeCount) of \(count) file descriptors are free, expected at least "
                    + "\(freeCountMin)", hint: "raise the limit with ulimit -n 1024")
        }
    }
}
