// SnapSystem
//
// What the operating system gives: files, locks, sockets, signals, time, and the one type of error.
// It imports no other part. Start here, then read `File`, `Directory` and `PendingFile`.
//
// Files are read and written through `SystemCalls`, with the same treatment of EINTR for every
// call, and a test can make any of the calls fail. Without a plan of faults that costs one
// comparison with nil for each call.

import CLinux
import Glibc
package import SystemPackage

/// The kernel's file calls, or those of a test that fails one of them.
///
/// A value is handed down to everything that opens a file, so that two runs in one process, one
/// with faults and one without, do not know of each other.
package struct SystemCalls: Sendable {
    /// The kernel, without faults.
    package static let kernel = SystemCalls(faults: nil)

    private let faults: FaultPlan?

    /// Makes calls as a test's plan says.
    ///
    /// - Parameter faults: The plan; nil makes every call.
    package init(faults: FaultPlan?) {
        self.faults = faults
    }

    /// Passes a point at which work outside these calls begins (SQLite's own files): it fails when
    /// the plan says so.
    package func passFaultPoint() throws(Errno) {
        _ = try value { 0 as Int32 }
    }

    /// Fails what the file system of a test refuses.
    private func check(_ what: FaultPlan.Refusals, _ errno: Errno) throws(Errno) {
        if faults?.refuses(what) ?? false { throw errno }
    }

    // MARK: Names

    // Inlined into its callers it has made the optimizer of Swift 6.3.1 fail, now and then
    // ("Found ownership error" in CopyPropagation).
    @inline(never)
    func open(
        _ path: FilePath, _ flags: Int32, permissions: FilePermissions = []
    ) throws(Errno) -> Int32 {
        if flags & Int32(snap_o_tmpfile) != 0 { try check(.namelessFiles, .notSupported) }
        return try value {
            unsafe path.withPlatformString { path in
                unsafe Glibc.open(path, flags | O_CLOEXEC, permissions.rawValue)
            }
        }
    }

    func makeDirectory(_ path: FilePath, permissions: FilePermissions) throws(Errno) {
        _ = try value {
            unsafe path.withPlatformString { path in unsafe mkdir(path, permissions.rawValue) }
        }
    }

    /// Gives a file a second name, which must not be taken.
    func link(_ source: FilePath, to target: FilePath) throws(Errno) {
        try check(.links, .notPermitted)
        _ = try value {
            unsafe source.withPlatformString { source in
                unsafe target.withPlatformString { target in unsafe Glibc.link(source, target) }
            }
        }
    }

    func remove(_ path: FilePath) throws(Errno) {
        _ = try value { unsafe path.withPlatformString { path in unsafe unlink(path) } }
    }

    func removeDirectory(_ path: FilePath) throws(Errno) {
        _ = try value { unsafe path.withPlatformString { path in unsafe rmdir(path) } }
    }

    func rename(_ source: FilePath, to target: FilePath, replacing: Bool) throws(Errno) {
        if !replacing { try check(.renameFlags, .invalidArgument) }
        let flags = replacing ? 0 : UInt32(snap_rename_noreplace)
        _ = try value {
            unsafe source.withPlatformString { source in
                unsafe target.withPlatformString { target in
                    unsafe renameat2(AT_FDCWD, source, AT_FDCWD, target, flags)
                }
            }
        }
    }

    /// Gives an O_TMPFILE descriptor its first name, as open(2) shows it.
    func link(descriptor: Int32, to target: FilePath) throws(Errno) {
        let source = FilePath("/proc/self/fd/\(descriptor)")
        _ = try value {
            unsafe source.withPlatformString { source in
                unsafe target.withPlatformString { target in
                    unsafe linkat(
                        AT_FDCWD, source, AT_FDCWD, target,
                        Int32(snap_at_symlink_follow))
                }
            }
        }
    }

    func status(of path: FilePath) throws(Errno) -> stat {
        var status = stat()
        _ = try value {
            unsafe path.withPlatformString { path in unsafe stat(path, &status) }
        }
        return status
    }

    /// What a path names, a symbolic link not followed.
    func statusOfLink(_ path: FilePath) throws(Errno) -> stat {
        var status = stat()
        _ = try value {
            unsafe path.withPlatformString { path in unsafe lstat(path, &status) }
        }
        return status
    }

    /// What a symbolic link points to.
    func target(ofLink path: FilePath) throws(Errno) -> String {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try value {
            unsafe path.withPlatformString { path in
                unsafe bytes.withUnsafeMutableBytes { bytes in
                    guard let target = bytes.baseAddress else { return -1 }
                    return unsafe readlink(
                        path, target.assumingMemoryBound(to: CChar.self), bytes.count)
                }
            }
        }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// The names in a directory, without `.` and `..`, in no order.
    func names(in path: FilePath) throws(Errno) -> [String] {
        try passFaultPoint()
        guard let stream = unsafe path.withPlatformString({ path in unsafe opendir(path) }) else {
            throw Errno(rawValue: errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                if errno != 0 { throw Errno(rawValue: errno) }
                return names
            }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
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

    /// The type of the file system that holds a file: one of statfs(2)'s numbers.
    func fileSystemType(of descriptor: Int32) throws(Errno) -> UInt32 {
        // FUSE_SUPER_MAGIC and HUGETLBFS_MAGIC of statfs(2).
        if faults?.refuses(.dataSearch) ?? false { return 0x6573_5546 }
        if faults?.refuses(.writes) ?? false { return FileSystemType.hugetlbfs.rawValue }
        return UInt32(truncatingIfNeeded: try value { snap_file_system_type(descriptor) })
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

    /// Reads at the descriptor's own position: pipes have no other.
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

    /// Writes at the descriptor's own position: pipes and terminals have no other.
    func write(_ descriptor: Int32, _ source: RawSpan) throws(Errno) -> Int {
        try unsafe source.withUnsafeBytes { (source) throws(Errno) in
            try transfer(source.count) { count in
                unsafe Glibc.write(descriptor, source.baseAddress, count)
            }
        }
    }

    func seek(_ descriptor: Int32, from offset: Int, to target: SeekTarget) throws(Errno) -> Int {
        if target != .current { try check(.dataSearch, .noSuchAddressOrDevice) }
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

    func lock(_ descriptor: Int32, _ operation: Int32) throws(Errno) {
        try check(.locks, .noLocks)
        if operation & LOCK_EX != 0, fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDONLY {
            try check(.readOnlyLocks, .badFileDescriptor)
        }
        _ = try value { flock(descriptor, operation) }
    }

    // MARK: Making a call, or failing it

    func transfer(_ count: Int, _ call: (Int) -> Int) throws(Errno) -> Int {
        try value(count: count, call)
    }

    func value<Value: SignedInteger>(_ call: () -> Value) throws(Errno) -> Value {
        try value(count: 0) { _ in call() }
    }

    /// Makes a call, again after EINTR unless the command was asked to end.
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
