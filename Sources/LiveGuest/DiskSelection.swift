import QEMUMonitor
import SnapSystem
import SystemPackage

/// Which drives of a guest get a snapshot at the instant of a checkpoint.
package enum DiskSelection: Sendable, Equatable {
    /// All drives to which the guest can write.
    case writable
    /// The drives with these device or node names.
    case named([String])

    /// Selects the drives.
    ///
    /// - Parameters:
    ///   - drives: All drives of the guest.
    ///   - socket: The QMP socket or the domain, for messages.
    /// - Returns: The selected drives, at least one. Each can have snapshots.
    /// - Throws: `.unsupported` if a selected drive cannot have snapshots, or if none is writable;
    ///   `.notFound` for an unknown name.
    func select(among drives: [Drive], at socket: FilePath) throws(SnapError) -> [Drive] {
        var selected: [Drive]
        switch self {
        case .writable:
            selected = drives.filter(\.isWritable)
            if selected.isEmpty {
                throw SnapError(
                    .unsupported, "guest has no writable drive of which a snapshot can be taken",
                    path: socket)
            }
        case .named(let names):
            selected = []
            for name in names {
                guard let drive = drives.first(where: { $0.isNamed(name) }) else {
                    let known = drives.map(\.name).joined(separator: ", ")
                    throw SnapError(
                        .notFound,
                        "guest has no drive \(name), expected one of: \(known.shortened())",
                        path: socket)
                }
                if !selected.contains(drive) { selected.append(drive) }
            }
        }
        let unsupported = selected.filter { !$0.canBeSnapshotted }
        guard unsupported.isEmpty else { throw refusal(of: unsupported, among: drives, at: socket) }
        return selected
    }

    private func refusal(
        of unsupported: [Drive], among drives: [Drive], at socket: FilePath
    ) -> SnapError {
        let described = unsupported.map {
            "\($0.name) (\($0.isWritable ? $0.format : "read-only"), \($0.path))"
        }
        let supported = drives.filter(\.canBeSnapshotted).map(\.name)
        return SnapError(
            .unsupported,
            "cannot take snapshots of these drives: "
                + described.joined(separator: ", ").shortened()
                + "; expected writable drives in the format qcow2", path: socket,
            hint: supported.isEmpty
                ? nil
                : "use --snapshot-disks=\(supported.joined(separator: ",")) to leave them out, and "
                    + "save their content with --while-paused")
    }
}
