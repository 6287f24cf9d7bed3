import Synchronization
package import SystemPackage

/// A test's script for the system calls: which one fails, and how.
///
/// One plan serves one run of a command. Calls are counted from 0 over all threads.
package final class FaultPlan: Sendable {
    /// What happens at the chosen call.
    package enum Fault: Sendable, Equatable {
        /// The call is not made and returns this error, once.
        case fail(Errno)
        /// The call moves half of the bytes that it was asked to (reads and writes only).
        case short
        /// The call and all later ones are not made and fail: the process is gone. (Descriptors
        /// are still closed, as the kernel does for a dead process.)
        case stop
    }

    /// What a file system cannot do, or does in its own way.
    package struct Refusals: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) { self.rawValue = rawValue }

        /// renameat2 with flags: NFS, 9p, sshfs and most of FUSE.
        package static let renameFlags = Refusals(rawValue: 1)
        /// Files without a name: NFS, FUSE.
        package static let namelessFiles = Refusals(rawValue: 2)
        /// fsync of a directory: CIFS.
        package static let directorySync = Refusals(rawValue: 4)
        /// A second name for a file: FAT, exFAT, CIFS.
        package static let links = Refusals(rawValue: 8)
        /// An exclusive lock by a descriptor that is open for reading only: NFS, CIFS.
        package static let readOnlyLocks = Refusals(rawValue: 16)
        /// Any lock.
        package static let locks = Refusals(rawValue: 32)
        /// Another owner or mode: FAT, exFAT.
        package static let modes = Refusals(rawValue: 64)
        /// A search for data that finds what a guest has written: FUSE.
        package static let dataSearch = Refusals(rawValue: 128)
        /// Holes where data was: `fallocate`.
        package static let holes = Refusals(rawValue: 256)
        /// Whatever hugetlbfs refuses: write(2).
        package static let writes = Refusals(rawValue: 512)
        /// openat2: kernels before Linux 5.6, and filters that do not know it.
        package static let openBeneath = Refusals(rawValue: 1024)
    }

    /// What becomes of one call.
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

    /// Makes a plan.
    ///
    /// - Parameters:
    ///   - chosenCall: Which call fails, counted from 0; nil only counts.
    ///   - fault: How it fails.
    package init(at chosenCall: Int?, _ fault: Fault) {
        self.chosenCall = chosenCall
        self.fault = fault
        refusals = []
    }

    /// Makes a plan in which no call fails but those that a file system always refuses.
    ///
    /// - Parameter refusals: What it refuses.
    package init(refusing refusals: Refusals) {
        chosenCall = nil
        fault = .stop
        self.refusals = refusals
    }

    /// Whether the file system refuses something.
    func refuses(_ what: Refusals) -> Bool { refusals.contains(what) }

    /// How many calls have been asked for so far.
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
