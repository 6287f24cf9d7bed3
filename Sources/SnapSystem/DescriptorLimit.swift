import Glibc

/// How many files the process may have open at once: RLIMIT_NOFILE of getrlimit(2).
package enum DescriptorLimit {
    /// What a command needs at least, besides what the caller has left open: standard streams,
    /// locks, the index and its journal, inputs and outputs, what libdispatch opens by itself, and
    /// some savevm files.
    private static let freeCountMin = 32

    /// The limit in force.
    package static var current: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return freeCountMin
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Raises the soft limit to the hard one, and checks that enough descriptors are free.
    ///
    /// The usual soft limit of 1,024 is there for programs that call select(2). A checkpoint may
    /// refer to as many files. libdispatch ends the process where it finds no descriptor, so that
    /// has to be checked before it is used.
    ///
    /// - Throws: `.inputOutput` if too few are free.
    package static func raise() throws(SnapError) {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        if unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            // Where that is refused, the old limit has to do.
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
                    + "\(freeCountMin)", hint: "raise the limit: ulimit -n 1024")
        }
    }
}
