import Glibc
import SystemPackage

/// Who must own what is in a store, and who may write there.
///
/// Everything belongs to the owner of the store's directory, or to root, and nobody else may write
/// to it. Another user could replace a file by a link, or by a forged checkpoint.
package struct StoreOwnership: Sendable {
    /// Whether owners and modes are taken as they are: on CIFS, or NFS that squashes root, they are
    /// not the users that the machine knows.
    package let isTrusted: Bool

    /// Makes the rule.
    ///
    /// - Parameter isTrusted: Whether owners and modes are taken as they are.
    package init(isTrusted: Bool) {
        self.isTrusted = isTrusted
    }

    private static let root: UInt32 = 0
    private static let groupAndOtherWrite: UInt32 = 0o022

    /// Checks a file or directory of a store.
    ///
    /// - Parameters:
    ///   - status: What it is.
    ///   - owner: The owner of the store's directory.
    ///   - path: Its path, for the message.
    /// - Throws: `.permission` if it belongs to somebody else, or somebody else may write to it.
    func check(_ status: FileStatus, owner: UInt32, path: FilePath) throws(SnapError) {
        if isTrusted { return }
        guard status.userID == owner || status.userID == Self.root else {
            let expected = owner == Self.root ? "root" : "\(owner), as the store does, or to root"
            throw Self.refusal("belongs to user \(status.userID), expected \(expected)", path)
        }
        guard status.permissions & Self.groupAndOtherWrite == 0 else {
            let mode = String(status.permissions, radix: 8).padded(to: 4)
            throw Self.refusal("has mode \(mode): users other than its owner may write to it", path)
        }
    }

    /// Checks that this process may write to a store.
    ///
    /// - Parameters:
    ///   - owner: The owner of the store's directory.
    ///   - path: The store's directory, for the message.
    /// - Throws: `.permission` if it belongs neither to the effective user nor to root.
    func checkWritable(owner: UInt32, path: FilePath) throws(SnapError) {
        if isTrusted || owner == geteuid() || owner == Self.root { return }
        throw Self.refusal(
            "belongs to user \(owner), expected the user who writes to it (\(geteuid())) or root",
            path)
    }

    /// Checks the path of a store: a symbolic link of another user leads where that user wants.
    ///
    /// - Parameters:
    ///   - link: What the path is, not followed.
    ///   - path: The path, for the message.
    /// - Throws: `.permission` if the link belongs neither to the effective user nor to root.
    func check(link: FileStatus, path: FilePath) throws(SnapError) {
        guard link.kind == .symbolicLink, !isTrusted, link.userID != geteuid(),
            link.userID != Self.root
        else { return }
        throw Self.refusal("is a symbolic link of user \(link.userID)", path)
    }

    private static func refusal(_ message: String, _ path: FilePath) -> SnapError {
        SnapError(
            .permission, message, path: path,
            hint: "change its owner or mode; --trust-store skips this check")
    }
}
