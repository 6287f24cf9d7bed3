import Glibc
import SystemPackage

// Whose a file is, and who may use it.
extension File {
    /// What a file that takes another's place may keep of its mode: no setuid, setgid or sticky
    /// bit, and no right to execute.
    private static let keptPermissions: UInt32 = 0o666
    /// What a file in a store may keep: nobody but its owner writes to it.
    private static let readerPermissions: UInt32 = 0o644
    private static let groupPermissions: UInt32 = 0o070

    /// Gives the file the owner, the group and the permission bits of the one that it replaces.
    ///
    /// Never a setuid, setgid or sticky bit. What an access list grants is not kept: the group's
    /// bits, which limit that list, are 0 where there is one (acl(5)).
    ///
    /// - Parameters:
    ///   - status: The other file's.
    ///   - hasAccessList: Whether the other file has an access list.
    ///   - kept: The permission bits that may be kept.
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
            // A directory may give its own list to what is made in it.
            let inherits = try calls.hasAccessList(descriptor)
            if hasAccessList || inherits { permissions &= ~Self.groupPermissions }
            // FAT and its like have one mode for all files, and refuse another.
            if own.permissions != permissions && own.permissions != status.permissions {
                try calls.setPermissions(descriptor, permissions)
            }
        } catch {
            throw SnapError(error, action: "keep owner and mode", path: path)
        }
    }

    /// Lets those read the file who may read the one that it replaces.
    ///
    /// - Parameter status: The other file's.
    /// - Throws: `.permission` or `.inputOutput`.
    package func takeReaders(of status: FileStatus) throws(SnapError) {
        try takeOwnerAndMode(of: status, hasAccessList: false, keeping: Self.readerPermissions)
    }

    /// Sets the file's permission bits.
    ///
    /// - Parameter permissions: The bits.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `fchmod`.
    func setPermissions(_ permissions: UInt32) throws(SnapError) {
        do { try calls.setPermissions(descriptor, permissions) } catch {
            throw SnapError(error, action: "set the mode", path: path)
        }
    }

    /// Whether an access list says who may use the file, beside its permission bits.
    ///
    /// - Throws: `.inputOutput`.
    func hasAccessList() throws(SnapError) -> Bool {
        do { return try calls.hasAccessList(descriptor) } catch {
            throw SnapError(error, action: "look at the access list of", path: path)
        }
    }
}
