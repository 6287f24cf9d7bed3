import CLinux
import Glibc
import Synchronization
import SystemPackage

// Calls that take names. The first two take a path that the user gave. All others take a name in an
// open directory: the name is resolved only there, and symbolic links are never followed.
extension SystemCalls {
    /// Opens the file that a user's path names; follows symbolic links.
    // Not inlined: inlining it into its callers sometimes made the optimizer of Swift 6.3.1 fail
    // ("Found ownership error" in CopyPropagation).
    @inline(never)
    func open(_ path: FilePath, _ flags: Int32) throws(Errno) -> Int32 {
        try value {
            unsafe path.withPlatformString { path in
                unsafe Glibc.open(path, flags | O_CLOEXEC)
            }
        }
    }

    /// Reads the status of the file that a user's path names; follows symbolic links.
    func status(ofPath path: FilePath) throws(Errno) -> stat {
        var status = stat()
        _ = try value {
            unsafe path.withPlatformString { path in unsafe stat(path, &status) }
        }
        return status
    }

    /// Opens a file below a directory.
    ///
    /// - Parameter path: Names that are separated by slashes and do not contain `..`.
    @inline(never)
    func open(
        _ path: FilePath, in directory: Int32, _ flags: Int32, permissions: FilePermissions = []
    ) throws(Errno) -> Int32 {
        if flags & Int32(snap_o_tmpfile) != 0 { try check(.namelessFiles, .notSupported) }
        // openat2(2) refuses a mode if the flags create no file.
        let makes = flags & (O_CREAT | Int32(snap_o_tmpfile)) != 0
        let mode = makes ? permissions.rawValue : 0
        let isRefused = faults?.refuses(.openBeneath) ?? false
        if !isRefused && !Self.lacksOpenBeneath.load(ordering: .relaxed) {
            do throws(Errno) {
                return try value {
                    unsafe path.withPlatformString { path in
                        unsafe snap_open_beneath(directory, path, flags | O_CLOEXEC, mode)
                    }
                }
            } catch {
                // A filter of system calls (seccomp(2)) may return EPERM for a call that it does
                // not know.
                guard error == .noFunction || error == .notPermitted else { throw error }
                if error == .noFunction { Self.lacksOpenBeneath.store(true, ordering: .relaxed) }
            }
        }
        return try openStepwise(path, in: directory, flags, mode: mode)
    }

    /// Whether the kernel is older than openat2(2), Linux 5.6.
    private static let lacksOpenBeneath = Atomic<Bool>(false)

    /// Opens a file below a directory by opening one name after another.
    private func openStepwise(
        _ path: FilePath, in directory: Int32, _ flags: Int32, mode: UInt32
    ) throws(Errno) -> Int32 {
        guard path.isRelative, path.components.allSatisfy({ $0.kind != .parentDirectory }),
            let last = path.components.last
        else { throw .invalidArgument }
        var parent = directory
        defer { if parent != directory { close(parent) } }
        for name in path.components.dropLast() {
            let step = Int32(snap_o_path) | O_DIRECTORY
            let next = try openName(name.string, in: parent, step, mode: 0)
            if parent != directory { close(parent) }
            parent = next
        }
        return try openName(last.string, in: parent, flags, mode: mode)
    }

    private func openName(
        _ name: String, in directory: Int32, _ flags: Int32, mode: UInt32
    ) throws(Errno) -> Int32 {
        try value { unsafe openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW, mode) }
    }

    func makeDirectory(
        _ name: String, in directory: Int32, permissions: FilePermissions
    ) throws(Errno) {
        _ = try value { unsafe mkdirat(directory, name, permissions.rawValue) }
    }

    /// Gives a file a second name; fails if the name exists.
    func link(_ name: String, to newName: String, in directory: Int32) throws(Errno) {
        try check(.links, .notPermitted)
        _ = try value { unsafe linkat(directory, name, directory, newName, 0) }
    }

    /// Gives an O_TMPFILE descriptor its first name, in the way that open(2) describes.
    func link(descriptor: Int32, to name: String, in directory: Int32) throws(Errno) {
        let source = "/proc/self/fd/\(descriptor)"
        let flags = Int32(snap_at_symlink_follow)
        _ = try value { unsafe linkat(AT_FDCWD, source, directory, name, flags) }
    }

    func remove(_ name: String, in directory: Int32) throws(Errno) {
        _ = try value { unsafe unlinkat(directory, name, 0) }
    }

    func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        _ = try value { unsafe unlinkat(directory, name, Int32(snap_at_removedir)) }
    }

    func rename(
        _ name: String, to newName: String, in directory: Int32, replacing: Bool
    ) throws(Errno) {
        if !replacing { try check(.renameFlags, .invalidArgument) }
        let flags = replacing ? 0 : UInt32(snap_rename_noreplace)
        _ = try value { unsafe renameat2(directory, name, directory, newName, flags) }
    }

    /// Reads the status of the file with a name; does not follow a symbolic link.
    func status(of name: String, in directory: Int32) throws(Errno) -> stat {
        var status = stat()
        let flags = Int32(snap_at_symlink_nofollow)
        _ = try value { unsafe fstatat(directory, name, &status, flags) }
        return status
    }

    /// Reads the target of a symbolic link.
    func target(ofLink name: String, in directory: Int32) throws(Errno) -> String {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try value {
            unsafe bytes.withUnsafeMutableBytes { bytes in
                guard let target = bytes.baseAddress else { return -1 }
                return unsafe readlinkat(
                    directory, name, target.assumingMemoryBound(to: CChar.self), bytes.count)
            }
        }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Lists the names in a directory, without `.` and `..`, in no particular order.
    ///
    /// - Parameter descriptor: The directory's descriptor, open for reading.
    func names(of descriptor: Int32) throws(Errno) -> [String] {
        // closedir(3) closes the descriptor of the stream, so the stream gets a copy.
        let copy = try value { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
        guard let stream = unsafe fdopendir(copy) else {
            let error = Errno(rawValue: errno)
            close(copy)
            throw error
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
}
