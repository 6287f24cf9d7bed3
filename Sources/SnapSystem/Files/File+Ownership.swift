import Glibc
import SystemPackage

// The owner of a file, and the users who may access it.
extension File {
    /// The permission bits that an output keeps from the file that it replaces.
    ///
    /// They include no setuid, setgid, sticky or execute bit.
    private static let keptPermissions: UInt32 = 0o666
    /// The permission bits that a file in a store keeps: only the owner can write to it.
    private static let readerPermissions: UInt32 = 0o644
    private static let groupPermissions: UInt32 = 0o070

    /// Copies the owner, the group and the permission bits from the file that this one replaces.
    ///
    /// setuid, setgid and sticky bits are never copied. Permissions from an access list are not
    /// kept: if either file has a list, the group bits, which limit the list, become 0 (acl(5)).
    ///
    /// - Parameters:
    ///   - status: The status of the replaced file.
    ///   - hasAccessList: Whether the replaced file has an access list.
    ///   - kept: The permission bits that may be copied.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `fchown` and `fchmod`.
    func takeOwnerAndMode(
        of status: FileStatus, hasAccessList: Bool, keeping kept: UInt32 = keptPermissions
    ) throws(SnapError) {
        do throws(Errno) {
            let own = FileStatus(try calls.status(of: descriptor))
            if own.userID != status.userID || own.groupID != status.groupID {
                try calls.setOwner(descriptor, user: status.userID, group: status.groupID)
            }
            var permissions = status.permissions & kept
            // A new file may inherit an access control list from its directory.
            let inherits = try calls.hasAccessList(descriptor)
            if hasAccessList || inherits { permissions &= ~Self.groupPermissions }
            // FAT and exFAT give all files the same mode and refuse to change it.
            if own.permissions != permissions && own.permissions != status.permissions {
                try calls.setPermissions(descriptor, permissions)
            }
        } catch {
            throw SnapError(error, action: "keep the owner and mode", path: path)
        }
    }

    /// Gives the users who can read the replaced file the right to read this one.
    ///
    /// - Parameter status: The status of the replaced file.
    /// - Throws: `.permission` or `.inputOutput`.
    package func copyReadPermissions(of status: FileStatus) throws(SnapError) {
        try takeOwnerAndMode(of: status, hasAccessList: false, keeping: Self.readerPermissions)
    }

    /// Sets the file's permission bits.
    ///
    /// - Parameter permissions: The new permission bits.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `fchmod`.
    func setPermissions(_ permissions: UInt32) throws(SnapError) {
        do { try calls.setPermissions(descriptor, permissions) } catch {
            throw SnapError(error, action: "set the mode", path: path)
        }
    }

    /// Checks whether an access list grants permissions in addition to the file's mode.
    ///
    /// - Throws: `.inputOutput`.
    func hasAccessList() throws(SnapError) -> Bool {
        do { return try calls.hasAccessList(descriptor) } catch {
            throw SnapError(error, action: "read the access control list", path: path)
        }
    }
}
