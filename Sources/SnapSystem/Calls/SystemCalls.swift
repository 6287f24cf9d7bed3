// SnapSystem
//
// The services of the operating system: files, locks, sockets, signals and time; and the only error
// type. This target imports no other target. Start here, then read `File`, `Directory` and
// `PendingFile`.
//
// All file access goes through `SystemCalls`, which handles EINTR in the same way for every call
// and lets a test make any call fail. Without a fault plan this costs one comparison with nil per
// call.

import CLinux
import Glibc
package import SystemPackage

/// The system calls for files, locks and sockets, which a test can make fail.
///
/// Everything that opens a file receives such a value. Two runs in one process, one with faults and
/// one without, therefore do not affect each other.
package struct SystemCalls: Sendable {
    /// The calls of the kernel, without faults.
    package static let kernel = SystemCalls(faults: nil)

    let faults: FaultPlan?

    /// Creates calls that follow a test's plan.
    ///
    /// - Parameter faults: The plan; nil makes every call.
    package init(faults: FaultPlan?) {
        self.faults = faults
    }

    /// Fails if the plan chooses this point, which counts as a call.
    ///
    /// It stands for work outside these calls, such as SQLite's access to its own files.
    ///
    /// - Throws: The error of the plan.
    package func passFaultPoint() throws(Errno) {
        _ = try value { 0 as Int32 }
    }

    /// Fails if the file system of a test refuses an operation.
    func check(_ what: FaultPlan.Refusals, _ errno: Errno) throws(Errno) {
        if faults?.refuses(what) ?? false { throw errno }
    }

    // MARK: Descriptors

    func close(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }

    func status(of descriptor: Int32) throws(Errno) -> stat {
        var status = stat()
        _ = try value { unsafe fstat(descriptor, &status) }
        return status
    }

    /// Reads the type of the file system that holds a file, a number from statfs(2).
    func fileSystemType(of descriptor: Int32) throws(Errno) -> UInt32 {
        // The results are FUSE_SUPER_MAGIC and HUGETLBFS_MAGIC of statfs(2).
        if faults?.refuses(.dataSearch) ?? false { return 0x6573_5546 }
        if faults?.refuses(.writes) ?? false { return FileSystemType.hugetlbfs.rawValue }
        return UInt32(truncatingIfNeeded: try value { snap_file_system_type(descriptor) })
    }

    /// Reads how many bytes an unprivileged user can still write to a file's file system.
    func freeByteCount(of descriptor: Int32) throws(Errno) -> Int {
        try value { snap_free_byte_count(descriptor) }
    }

    /// Reads the size of a file's file system in bytes.
    func capacity(of descriptor: Int32) throws(Errno) -> Int {
        try value { snap_capacity(descriptor) }
    }

    func read(
        _ descriptor: Int32, into target: inout MutableRawSpan, at offset: Int
    ) throws(Errno) -> Int {
        try unsafe target.withUnsafeMutableBytes { (target) throws(Errno) in
            try transfer(target.count) { count in
                unsafe pread(descriptor, target.baseAddress, count, off_t(offset))
            }
        }
    }

    /// Reads at the descriptor's own position, as pipes require.
    func read(_ descriptor: Int32, into target: inout MutableRawSpan) throws(Errno) -> Int {
        try unsafe target.withUnsafeMutableBytes { (target) throws(Errno) in
            try transfer(target.count) { count in
                unsafe Glibc.read(descriptor, target.baseAddress, count)
            }
        }
    }

    func write(_ descriptor: Int32, _ source: RawSpan, at offset: Int) throws(Errno) -> Int {
        try check(.writes, .invalidArgument)
        return try unsafe source.withUnsafeBytes { (source) throws(Errno) in
            try transfer(source.count) { count in
                unsafe pwrite(descriptor, source.baseAddress, count, off_t(offset))
            }
        }
    }

    /// Writes at the descriptor's own position, as pipes and terminals require.
    func write(_ descriptor: Int32, _ source: RawSpan) throws(Errno) -> Int {
        try unsafe source.withUnsafeBytes { (source) throws(Errno) in
            try transfer(source.count) { count in
                unsafe Glibc.write(descriptor, source.baseAddress, count)
            }
        }
    }

    func seek(_ descriptor: Int32, from offset: Int, to target: SeekTarget) throws(Errno) -> Int {
        if target == .data || target == .hole {
            try check(.dataSearch, .noSuchAddressOrDevice)
        }
        return Int(try value { lseek(descriptor, off_t(offset), target.rawValue) })
    }

    func setLength(_ descriptor: Int32, _ byteCount: Int) throws(Errno) {
        _ = try value { ftruncate(descriptor, off_t(byteCount)) }
    }

    func punchHole(_ descriptor: Int32, at offset: Int, byteCount: Int) throws(Errno) {
        try check(.holes, .notSupported)
        let mode = Int32(snap_fallocate_punch_hole)
        _ = try value { fallocate(descriptor, mode, off_t(offset), off_t(byteCount)) }
    }

    func setOwner(_ descriptor: Int32, user: UInt32, group: UInt32) throws(Errno) {
        try check(.modes, .notPermitted)
        _ = try value { fchown(descriptor, user, group) }
    }

    func setPermissions(_ descriptor: Int32, _ mode: UInt32) throws(Errno) {
        try check(.modes, .notPermitted)
        _ = try value { fchmod(descriptor, mode) }
    }

    func synchronize(_ descriptor: Int32) throws(Errno) {
        if faults?.refuses(.directorySync) ?? false,
            FileStatus(try status(of: descriptor)).kind == .directory
        {
            throw .invalidArgument
        }
        _ = try value { fsync(descriptor) }
    }

    func startWriteBack(_ descriptor: Int32, from offset: Int, byteCount: Int) throws(Errno) {
        let flags = UInt32(snap_sync_file_range_write)
        _ = try value { sync_file_range(descriptor, off_t(offset), off_t(byteCount), flags) }
    }

    /// Locks or unlocks an open file with flock(2).
    func lock(_ descriptor: Int32, _ operation: Int32) throws(Errno) {
        try check(.locks, .noLocks)
        if operation & LOCK_EX != 0, fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDONLY {
            try check(.readOnlyLocks, .badFileDescriptor)
        }
        _ = try value { flock(descriptor, operation) }
    }

    /// Locks or unlocks bytes of an open file with fcntl_locking(2); the bytes need not exist.
    ///
    /// - Parameter type: `snap_lock_read` or `snap_lock_none`.
    func lockOpenFile(_ descriptor: Int32, _ bytes: Range<Int>, type: Int32) throws(Errno) {
        try check(.locks, .noLocks)
        _ = try value { snap_lock_open_file(descriptor, type, bytes.lowerBound, bytes.count) }
    }

    /// Finds a lock of another open file that overlaps some bytes of this one.
    ///
    /// Returns the locked bytes among `bytes`; nil without such a lock.
    func findLock(_ descriptor: Int32, _ bytes: Range<Int>) throws(Errno) -> Range<Int>? {
        try check(.locks, .noLocks)
        var end = 0
        let start = try value {
            unsafe snap_find_lock(descriptor, bytes.lowerBound, bytes.count, &end)
        }
        if start >= bytes.upperBound { return nil }
        return start..<(end == 0 ? bytes.upperBound : min(end, bytes.upperBound))
    }

    /// Whether an access list grants permissions in addition to a file's mode (acl(5)).
    func hasAccessList(_ descriptor: Int32) throws(Errno) -> Bool {
        do throws(Errno) {
            return try value {
                unsafe fgetxattr(descriptor, "system.posix_acl_access", nil, 0)
            } > 0
        } catch {
            if error == .noData || error == .notSupported || error == .noFunction { return false }
            throw error
        }
    }

    // MARK: Making a call or failing it

    func transfer(_ count: Int, _ call: (Int) -> Int) throws(Errno) -> Int {
        try value(count: count, call)
    }

    func value<Value: SignedInteger>(_ call: () -> Value) throws(Errno) -> Value {
        try value(count: 0) { _ in call() }
    }

    /// Makes a call, and repeats it after EINTR unless the command was asked to stop.
    private func value<Value: SignedInteger>(
        count: Int, _ call: (Int) -> Value
    ) throws(Errno) -> Value {
        while true {
            let error: Errno
            switch faults?.nextVerdict() ?? .proceed {
            case .fail(let errno):
                error = errno
            case .proceed:
                let value = call(count)
                if value != -1 { return value }
                error = Errno(rawValue: errno)
            case .short:
                let value = call(count / 2 + count % 2)
                if value != -1 { return value }
                error = Errno(rawValue: errno)
            }
            guard error == .interrupted, !Interruption.isRequested else { throw error }
        }
    }
}
