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
            let temporaryName = Self.temporaryName()
            file = try Self.make(temporaryName, in: directory)
            self.temporaryName = temporaryName
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
        let temporaryName = temporaryName()
        let file = try make(temporaryName, in: directory)
        try directory.remove(temporaryName)
        return file
    }

    private static func make(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> File {
        try File(
            directory.file(name), directory.calls, flags: O_RDWR | O_CREAT | O_EXCL,
            action: "make")
    }

    /// A file without a name; nil where there can be none.
    ///
    /// Not every file system knows such files, and they get a name through /proc only (open(2)).
    private static func nameless(
        in directory: Directory, for name: String, shownAs shown: FilePath? = nil
    ) throws(SnapError) -> File? {
        let calls = directory.calls
        guard try Directory("/proc/self/fd", calls).status() != nil else { return nil }
        do {
            return try File(
                directory.path, calls, flags: O_RDWR | O_DIRECTORY | Int32(snap_o_tmpfile),
                action: "make \(name) in", shownAs: shown ?? directory.file(name))
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
        let target = directory.file(name)
        do {
            if let temporaryName {
                try directory.renameWithoutReplacing(temporaryName, as: name)
                self.temporaryName = nil
            } else {
                try directory.calls.link(descriptor: file.descriptor, to: target)
            }
        } catch {
            if error == .fileExists {
                throw SnapError(.cannotCreate, "exists", path: target)
            }
            throw SnapError(error, action: "name", path: target)
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
        do {
            if temporaryName == nil {
                let name = Self.temporaryName()
                try directory.calls.link(
                    descriptor: file.descriptor, to: directory.file(name))
                temporaryName = name
            }
            if let temporaryName {
                try directory.calls.rename(
                    directory.file(temporaryName), to: directory.file(name), replacing: true)
                self.temporaryName = nil
            }
        } catch {
            throw SnapError(error, action: "name", path: directory.file(name))
        }
    }

    /// Whether a name is that of a file that was being written when its process died.
    ///
    /// - Parameter name: A name in a directory that only snap writes to.
    package static func isTemporary(_ name: String) -> Bool {
        name.hasPrefix(temporaryPrefix)
    }

    private static let temporaryPrefix = ".snap-"

    private static func temporaryName() -> String {
        temporaryPrefix + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    }
}
