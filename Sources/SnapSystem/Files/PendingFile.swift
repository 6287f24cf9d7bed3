import CLinux
import Glibc
import SystemPackage

/// A file that is being written and that nobody sees under its name until it is whole.
///
/// It has no name at all where the file system allows that (O_TMPFILE), so that even SIGKILL
/// leaves nothing behind; elsewhere a temporary one. Unless published it vanishes with its owner.
package struct PendingFile: ~Copyable, Sendable {
    /// The file, to be written.
    package let file: File
    private let directory: Directory
    private var temporaryName: String?

    /// Begins a file in a directory, with mode 0600.
    ///
    /// - Parameters:
    ///   - directory: Where it will appear.
    ///   - name: The name it is meant to get, for messages.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package init(in directory: Directory, for name: String) throws(SnapError) {
        self.directory = directory
        if let file = try Self.nameless(in: directory, for: name) {
            self.file = file
            temporaryName = nil
        } else {
            let temporaryName = Self.temporaryName(for: name)
            file = try Self.make(temporaryName, in: directory)
            self.temporaryName = temporaryName
        }
    }

    /// Begins a file like any other, and removes what a command that was killed has left of one of
    /// that name.
    ///
    /// - Parameters:
    ///   - directory: Where it will appear.
    ///   - name: The name it is meant to get.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package init(
        replacingLeftoversIn directory: Directory, for name: String
    ) throws(SnapError) {
        try self.init(in: directory, for: name)
        // Tells it from what a killed process has left; nothing else depends on it.
        try? directory.calls.lock(file.descriptor, LOCK_EX | LOCK_NB)
        Self.removeLeftovers(of: name, in: directory)
    }

    /// Removes files of the effective user that have a temporary name for `name`, and that no
    /// process is writing: those are locked.
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

    /// A file for the time of a command, which never gets a name and is gone when it is closed.
    ///
    /// - Parameters:
    ///   - directory: The directory in whose file system it is.
    ///   - purpose: What it is for, for messages.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package static func scratch(
        in directory: Directory, for purpose: String
    ) throws(SnapError) -> File {
        if let file = try nameless(in: directory, for: purpose, shownAs: directory.path) {
            return file
        }
        let temporaryName = temporaryName(for: "scratch")
        let file = try make(temporaryName, in: directory)
        try directory.remove(temporaryName)
        return file
    }

    private static func make(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> File {
        try directory.open(name, O_RDWR | O_CREAT | O_EXCL, action: "make")
    }

    /// A file without a name; nil where there can be none.
    ///
    /// Not every file system knows such files, and they get a name through /proc only (open(2)).
    private static func nameless(
        in directory: Directory, for name: String, shownAs shown: FilePath? = nil
    ) throws(SnapError) -> File? {
        guard try FileStatus(of: "/proc/self/fd", directory.calls) != nil else { return nil }
        do {
            return try directory.open(
                nil, O_RDWR | O_DIRECTORY | Int32(snap_o_tmpfile), action: "make \(name) in",
                shownAs: shown ?? directory.file(name))
        } catch let error where error.code == .inputOutput {
            return nil
        }
    }

    deinit {
        if let temporaryName { try? directory.remove(temporaryName) }
    }

    /// Gives the file its name, which must not be taken.
    ///
    /// The name is durable after `Directory.synchronize`. On failure the file is gone.
    ///
    /// - Parameter name: The name.
    /// - Throws: `.cannotCreate` if the name is taken, else `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `linkat`, or `renameat2` with `RENAME_NOREPLACE`.
    package consuming func publish(as name: String) throws(SnapError) {
        let (directory, descriptor) = (directory, file.descriptor)
        do throws(SnapError) {
            if let temporaryName {
                try directory.renameWithoutReplacing(temporaryName, as: name)
                self.temporaryName = nil
            } else {
                try directory.withDescriptor("name", of: name) { (target) throws(Errno) in
                    try directory.calls.link(descriptor: descriptor, to: name, in: target)
                }
            }
        } catch let error where error.errno == .fileExists {
            throw SnapError(.cannotCreate, "exists", path: directory.file(name))
        }
    }

    /// Makes the file durable and gives it its name, durably.
    ///
    /// On failure the file is gone, unless taking its name back fails too.
    ///
    /// - Parameter name: The name.
    /// - Throws: `.cannotCreate` if the name is taken, else `.permission` or `.inputOutput`.
    package consuming func publish(durablyAs name: String) throws(SnapError) {
        let directory = directory
        try file.synchronize()
        try publish(as: name)
        do { try directory.synchronize() } catch {
            try? directory.remove(name)
            throw error
        }
    }

    /// Gives the file its name and lets go of a file that had it before.
    ///
    /// The name is durable after `Directory.synchronize`. On failure this file is gone and the
    /// other one still there.
    ///
    /// - Parameter name: The name.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `linkat` and `rename`.
    package consuming func publish(replacing name: String) throws(SnapError) {
        let (directory, descriptor) = (directory, file.descriptor)
        if temporaryName == nil {
            let temporary = Self.temporaryName(for: name)
            try directory.withDescriptor("name", of: name) { (target) throws(Errno) in
                try directory.calls.link(descriptor: descriptor, to: temporary, in: target)
            }
            temporaryName = temporary
        }
        if let temporaryName {
            try directory.withDescriptor("name", of: name) { (target) throws(Errno) in
                try directory.calls.rename(temporaryName, to: name, in: target, replacing: true)
            }
            self.temporaryName = nil
        }
    }

    /// Whether a name is that of a file that was being written when its process died.
    ///
    /// - Parameter name: A name in a directory that only snap writes to.
    package static func isTemporary(_ name: String) -> Bool {
        name.hasPrefix(temporaryPrefix)
    }

    private static let temporaryPrefix = ".snap-"
    /// A name has at most 255 bytes; it is not there to be read.
    private static let keptNameByteCountMax = 200

    private static func temporaryPrefix(for name: String) -> String {
        temporaryPrefix + String(decoding: name.utf8.prefix(keptNameByteCountMax), as: UTF8.self)
            + "."
    }

    private static func temporaryName(for name: String) -> String {
        temporaryPrefix(for: name) + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    }
}
