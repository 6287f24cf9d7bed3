import CLinux
import Glibc
import SystemPackage

/// A file that is being written and that gets its name only when it is complete.
///
/// If the file system supports it (O_TMPFILE), the file has no name at all, so that even SIGKILL
/// leaves nothing behind. Otherwise it has a temporary name. A file that is not published is
/// deleted when the value is destroyed.
package struct PendingFile: ~Copyable, Sendable {
    /// The file, open for reading and writing.
    package let file: File
    private let directory: Directory
    private var temporaryName: String?

    /// Creates a file in a directory, with mode 0600.
    ///
    /// - Parameters:
    ///   - directory: The directory that will contain the file.
    ///   - name: The intended name, for messages and for a temporary name.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package init(in directory: Directory, for name: String) throws(SnapError) {
        self.directory = directory
        if let file = try Self.nameless(in: directory, for: name) {
            self.file = file
            temporaryName = nil
        } else {
            let temporaryName = Self.temporaryName(for: name)
            file = try Self.create(temporaryName, in: directory)
            self.temporaryName = temporaryName
        }
    }

    /// Creates a file, and removes temporary files that killed commands left for the same name.
    ///
    /// - Parameters:
    ///   - directory: The directory that will contain the file.
    ///   - name: The intended name.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package init(
        replacingLeftoversIn directory: Directory, for name: String
    ) throws(SnapError) {
        try self.init(in: directory, for: name)
        // The lock only shows other commands that this file is not a leftover.
        try? directory.calls.lock(file.descriptor, LOCK_EX | LOCK_NB)
        Self.removeLeftovers(of: name, in: directory)
    }

    /// Removes the effective user's temporary files for `name` that no process is writing.
    ///
    /// A process locks the file that it is writing.
    private static func removeLeftovers(of name: String, in directory: Directory) {
        let prefix = temporaryPrefix(for: name)
        for other in (try? directory.names()) ?? [] where other.hasPrefix(prefix) {
            guard let file = try? File(updating: other, in: directory),
                (try? file.status())?.userID == geteuid(),
                (try? file.calls.lock(file.descriptor, LOCK_EX | LOCK_NB)) != nil
            else { continue }
            try? directory.remove(other)
        }
    }

    /// Creates a file that never gets a name and is deleted when it is closed.
    ///
    /// - Parameters:
    ///   - directory: A directory in the file system that will contain the file.
    ///   - purpose: A description of the file for messages: `a scratch file for guest memory`.
    /// - Returns: The file, open for reading and writing.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package static func scratch(
        in directory: Directory, for purpose: String
    ) throws(SnapError) -> File {
        if let file = try nameless(in: directory, for: purpose, shownAs: directory.path) {
            return file
        }
        let temporaryName = temporaryName(for: "scratch")
        let file = try create(temporaryName, in: directory)
        try directory.remove(temporaryName)
        return file
    }

    private static func create(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> File {
        try directory.open(name, O_RDWR | O_CREAT | O_EXCL, action: "create")
    }

    /// Creates a file without a name; returns nil if the system does not support that.
    ///
    /// Not every file system supports such files, and they can get a name only through /proc
    /// (open(2)).
    private static func nameless(
        in directory: Directory, for name: String, shownAs shown: FilePath? = nil
    ) throws(SnapError) -> File? {
        guard try FileStatus(of: "/proc/self/fd", directory.calls) != nil else { return nil }
        do {
            return try directory.open(
                nil, O_RDWR | O_DIRECTORY | Int32(snap_o_tmpfile), action: "create \(name)",
                shownAs: shown ?? directory.file(name))
        } catch let error where error.code == .inputOutput {
            return nil
        }
    }

    deinit {
        if let temporaryName { try? directory.remove(temporaryName) }
    }

    /// Gives the file its name, which must not exist yet.
    ///
    /// The name is durable after `Directory.synchronize`. On failure the file is deleted.
    ///
    /// - Parameter name: The final name.
    /// - Throws: `.cannotCreate` if the name exists; `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `linkat`, or `renameat2` with `RENAME_NOREPLACE`.
    package consuming func publish(as name: String) throws(SnapError) {
        let (directory, descriptor) = (directory, file.descriptor)
        do throws(SnapError) {
            if let temporaryName {
                try directory.renameWithoutReplacing(temporaryName, as: name)
                self.temporaryName = nil
            } else {
                try directory.withDescriptor("create", of: name) { (target) throws(Errno) in
                    try directory.calls.link(descriptor: descriptor, to: name, in: target)
                }
            }
        } catch let error where error.errno == .fileExists {
            throw SnapError(.cannotCreate, "already exists", path: directory.file(name))
        }
    }

    /// Makes the file durable, and then gives it its name, durably.
    ///
    /// On failure the file is deleted, unless the removal of its name fails too.
    ///
    /// - Parameter name: The final name, which must not exist yet.
    /// - Throws: `.cannotCreate` if the name exists; `.permission` or `.inputOutput`.
    package consuming func publish(durablyAs name: String) throws(SnapError) {
        let directory = directory
        try file.synchronize()
        try publish(as: name)
        do { try directory.synchronize() } catch {
            try? directory.remove(name)
            throw error
        }
    }

    /// Gives the file its name, and replaces an existing file of that name.
    ///
    /// The name is durable after `Directory.synchronize`. On failure this file is deleted and the
    /// existing one is unchanged.
    ///
    /// - Parameter name: The final name.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `linkat` and `rename`.
    package consuming func publish(replacing name: String) throws(SnapError) {
        let (directory, descriptor) = (directory, file.descriptor)
        if temporaryName == nil {
            let temporary = Self.temporaryName(for: name)
            try directory.withDescriptor("create", of: name) { (target) throws(Errno) in
                try directory.calls.link(descriptor: descriptor, to: temporary, in: target)
            }
            temporaryName = temporary
        }
        if let temporaryName {
            try directory.withDescriptor("create", of: name) { (target) throws(Errno) in
                try directory.calls.rename(temporaryName, to: name, in: target, replacing: true)
            }
            self.temporaryName = nil
        }
    }

    /// Checks whether a name is temporary, so that its file was not completed.
    ///
    /// - Parameter name: A name in a directory that only snap writes to.
    /// - Returns: Whether it is the temporary name of a `PendingFile`.
    package static func isTemporary(_ name: String) -> Bool {
        name.hasPrefix(temporaryPrefix)
    }

    private static let temporaryPrefix = ".snap-"
    /// The part of the intended name that a temporary name keeps: a name has at most 255 bytes.
    private static let keptNameByteCountMax = 200

    private static func temporaryPrefix(for name: String) -> String {
        temporaryPrefix + String(decoding: name.utf8.prefix(keptNameByteCountMax), as: UTF8.self)
            + "."
    }

    private static func temporaryName(for name: String) -> String {
        temporaryPrefix(for: name) + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    }
}
