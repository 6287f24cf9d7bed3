import CLinux
import Glibc
import Synchronization
import SystemPackage

/// A directory in which names are resolved: opened once by its path, and then kept open.
///
/// The value refers to the same directory even if it is renamed or another one gets its name.
final class DirectoryAnchor: Sendable {
    /// An open directory: its descriptor, and the user ID of its owner.
    struct Opened {
        let descriptor: Int32
        let owner: UInt32
    }

    let path: FilePath
    private let calls: SystemCalls
    /// The rule for owners and modes of the files inside; nil if any are accepted.
    let ownership: StoreOwnership?
    private let opened = Mutex<Opened?>(nil)

    init(_ path: FilePath, _ calls: SystemCalls, ownership: StoreOwnership?) {
        self.path = path
        self.calls = calls
        self.ownership = ownership
    }

    deinit {
        opened.withLock { opened in
            if let opened { calls.close(opened.descriptor) }
        }
    }

    /// Opens the directory, unless it is open already.
    ///
    /// - Returns: The open directory, which stays open while this value is in use.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    func open() throws(SnapError) -> Opened {
        if let opened = opened.withLock({ $0 }) { return opened }
        let opened = try reopen()
        return self.opened.withLock { known in
            // Another thread may have opened the directory first.
            if let known {
                calls.close(opened.descriptor)
                return known
            }
            known = opened
            return opened
        }
    }

    private func reopen() throws(SnapError) -> Opened {
        let (descriptor, status) = try openWithStatus()
        do throws(SnapError) {
            try ownership?.check(link: try linkStatus(), path: path)
            try ownership?.check(status, owner: status.userID, path: path)
            return Opened(descriptor: descriptor, owner: status.userID)
        } catch {
            calls.close(descriptor)
            throw error
        }
    }

    private func openWithStatus() throws(SnapError) -> (Int32, FileStatus) {
        do throws(Errno) {
            let descriptor = try calls.open(path, Int32(snap_o_path) | O_DIRECTORY)
            do throws(Errno) {
                return (descriptor, FileStatus(try calls.status(of: descriptor)))
            } catch {
                calls.close(descriptor)
                throw error
            }
        } catch {
            throw SnapError(error, action: "open", path: path)
        }
    }

    private func linkStatus() throws(SnapError) -> FileStatus {
        do { return FileStatus(try calls.status(of: path.string, in: AT_FDCWD)) } catch {
            throw SnapError(error, action: "stat", path: path)
        }
    }
}
