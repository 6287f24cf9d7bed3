import Synchronization
package import SystemPackage

/// A test's plan of which system call fails, and how.
///
/// One plan serves one run of a command. Calls are counted from 0 over all threads.
package final class FaultPlan: Sendable {
    /// The behavior of the chosen call.
    package enum Fault: Sendable, Equatable {
        /// The call is not made and fails once with this error.
        case fail(Errno)
        /// The call transfers only half of the requested bytes (reads and writes only).
        case short
        /// The call and all later ones are not made and fail, as if the process had died.
        ///
        /// Descriptors are still closed, as the kernel does for a dead process.
        case stop
    }

    /// The operations that a file system refuses or handles in its own way.
    package struct Refusals: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) { self.rawValue = rawValue }

        /// renameat2 with flags, which NFS, 9p, sshfs and most of FUSE do not support.
        package static let renameFlags = Refusals(rawValue: 1)
        /// Files without a name, which NFS and FUSE do not support.
        package static let namelessFiles = Refusals(rawValue: 2)
        /// fsync of a directory, which CIFS does not support.
        package static let directorySync = Refusals(rawValue: 4)
        /// A second name for a file, which FAT, exFAT and CIFS do not support.
        package static let links = Refusals(rawValue: 8)
        /// An exclusive lock on a descriptor that is open for reading only, on NFS and CIFS.
        package static let readOnlyLocks = Refusals(rawValue: 16)
        /// Locks of any kind.
        package static let locks = Refusals(rawValue: 32)
        /// A change of owner or mode, which FAT and exFAT refuse.
        package static let modes = Refusals(rawValue: 64)
        /// A search for data that finds everything a guest has written, which FUSE cannot do.
        package static let dataSearch = Refusals(rawValue: 128)
        /// Holes in place of data, made by fallocate(2).
        package static let holes = Refusals(rawValue: 256)
        /// write(2), which hugetlbfs refuses.
        package static let writes = Refusals(rawValue: 512)
        /// openat2, refused by kernels before Linux 5.6 and by filters that do not know the call.
        package static let openBeneath = Refusals(rawValue: 1024)
    }

    /// The decision about one call.
    enum Verdict {
        case proceed
        case fail(Errno)
        case short
    }

    private struct Progress {
        var callCount = 0
        var isStopped = false
    }

    private let chosenCall: Int?
    private let fault: Fault
    private let refusals: Refusals
    private let progress = Mutex(Progress())

    /// Creates a plan in which one call fails.
    ///
    /// - Parameters:
    ///   - chosenCall: The index of the call that fails, from 0; nil only counts the calls.
    ///   - fault: The behavior of the chosen call.
    package init(at chosenCall: Int?, _ fault: Fault) {
        self.chosenCall = chosenCall
        self.fault = fault
        refusals = []
    }

    /// Creates a plan in which only those calls fail that a file system always refuses.
    ///
    /// - Parameter refusals: The operations that the file system refuses.
    package init(refusing refusals: Refusals) {
        chosenCall = nil
        fault = .stop
        self.refusals = refusals
    }

    /// Whether the file system refuses an operation.
    func refuses(_ what: Refusals) -> Bool { refusals.contains(what) }

    /// The number of calls that have been requested so far.
    package var callCount: Int { progress.withLock(\.callCount) }

    func nextVerdict() -> Verdict {
        progress.withLock { progress in
            let call = progress.callCount
            progress.callCount += 1
            if progress.isStopped { return .fail(.ioError) }
            guard call == chosenCall else { return .proceed }
            switch fault {
            case .fail(let errno): return .fail(errno)
            case .short: return .short
            case .stop:
                progress.isStopped = true
                return .fail(.ioError)
            }
        }
    }
}
