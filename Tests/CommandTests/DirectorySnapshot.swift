import Foundation
import SystemPackage
import TestSupport

/// A snapshot of a directory tree: names, kinds, modes, lengths, contents and access times.
struct DirectorySnapshot {
    private var entries: [String: Entry] = [:]

    private struct Entry {
        let mode: UInt32
        let inode: UInt64
        let linkCount: UInt64
        let changed: [Int]
        let read: [Int]
        let content: [UInt8]

        func isUnread(since before: Entry) -> Bool {
            (mode, inode, linkCount) == (before.mode, before.inode, before.linkCount)
                && changed == before.changed && content == before.content
                && read == [DirectorySnapshot.longAgo, 0]
        }
    }

    private static let longAgo = 86400

    /// Reads a directory tree, and sets all access times to a day in 1970.
    ///
    /// A later read updates the access time, unless the file system keeps none.
    init(of directory: FilePath) throws {
        try add("", in: directory)
    }

    private mutating func add(_ name: String, in directory: FilePath) throws {
        let path = name.isEmpty ? directory : directory.appending(name)
        // The status is read first because reading the content changes the access time.
        var status = stat()
        guard lstat(path.string, &status) == 0 else { throw Errno(rawValue: errno) }
        var content: [UInt8] = []
        switch status.st_mode & S_IFMT {
        case S_IFREG: content = try bytes(of: path)
        case S_IFDIR:
            for inside in try names(in: path) {
                try add(name.isEmpty ? inside : "\(name)/\(inside)", in: directory)
            }
        default: break
        }
        var times = [timespec(tv_sec: Self.longAgo, tv_nsec: 0), status.st_mtim]
        guard utimensat(AT_FDCWD, path.string, &times, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw Errno(rawValue: errno)
        }
        entries[name] = Entry(
            mode: status.st_mode, inode: UInt64(status.st_ino),
            linkCount: UInt64(status.st_nlink),
            changed: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec],
            read: [status.st_atim.tv_sec, status.st_atim.tv_nsec], content: content)
    }

    /// Returns whether nothing has been changed or read since an earlier snapshot.
    func isUnread(since before: DirectorySnapshot) -> Bool {
        entries.keys == before.entries.keys
            && entries.allSatisfy { name, entry in
                before.entries[name].map { entry.isUnread(since: $0) } ?? false
            }
    }
}
