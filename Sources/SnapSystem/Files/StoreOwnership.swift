import Glibc
import SystemPackage

/// The rule for the owners and modes of the files and directories in a store.
///
/// Each of them must belong to the owner of the store's directory or to root, and no other user may
/// be able to write to it. Otherwise another user could replace a file with a link or with a forged
/// checkpoint.
package struct StoreOwnership: Sendable {
    /// Whether to skip the checks.
    ///
    /// On CIFS, and on NFS that squashes root, owners and modes do not match the machine's users.
    package let isTrusted: Bool

    /// Creates a rule.
    ///
    /// - Parameter isTrusted: Whether to skip the checks.
    package init(isTrusted: Bool) {
        self.isTrusted = isTrusted
    }

    private static let root: UInt32 = 0
    private static let groupAndOtherWrite: UInt32 = 0o022

    /// Checks a file or directory of a store.
    ///
    /// - Parameters:
    ///   - status: The status of the file or directory.
    ///   - owner: The user ID of the owner of the store's directory.
    ///   - path: The path of the file or directory, for the message.
    /// - Throws: `.permission` if it belongs to another user or another user can write to it.
    func check(_ status: FileStatus, owner: UInt32, path: FilePath) throws(SnapError) {
        if isTrusted { return }
        guard status.userID == owner || status.userID == Self.root else {
            let expected =
                owner == Self.root ? "root" : "\(owner), who owns the store, or root"
            throw Self.refusal("belongs to user \(status.userID), expected \(expected)", path)
        }
        guard status.permissions & Self.groupAndOtherWrite == 0 else {
            let mode = String(status.permissions, radix: 8).padded(to: 4)
            throw Self.refusal("has mode \(mode): users other than its owner can write to it", path)
        }
    }

    /// Checks that this process may write to a store.
    ///
    /// - Parameters:
    ///   - owner: The user ID of the owner of the store's directory.
    ///   - path: The path of the store's directory, for the message.
    /// - Throws: `.permission` if it belongs neither to the effective user nor to root.
    func checkWritable(owner: UInt32, path: FilePath) throws(SnapError) {
        if isTrusted || owner == geteuid() || owner == Self.root { return }
        throw Self.refusal(
            "belongs to user \(owner), expected \(geteuid()), who runs snap, or root",
            path)
    }

    /// Checks that the path of a store is not another user's symbolic link.
    ///
    /// Such a link could lead to any directory.
    ///
    /// - Parameters:
    ///   - link: The status of the path itself, without following a symbolic link.
    ///   - path: The path, for the message.
    /// - Throws: `.permission` if the link belongs neither to the effective user nor to root.
    func check(link: FileStatus, path: FilePath) throws(SnapError) {
        guard link.kind == .symbolicLink, !isTrusted, link.userID != geteuid(),
            link.userID != Self.root
        else { return }
        throw Self.refusal(
            "is a symbolic link that belongs to user \(link.userID), expected \(geteuid()) or root",
            path)
    }

    private static func refusal(_ message: String, _ path: FilePath) -> SnapError {
        SnapError(
            .permission, message, path: path,
            hint: "change its owner or mode, or use --trust-store to skip this check")
    }
}
