package import GuestMemory
package import SnapSystem

/// A save that was killed after it had changed a running QEMU, as the guest's directory shows it.
package enum UnfinishedSave {
    /// The hint for a user who wants to resume the guest without snap.
    static let contHint =
        "use cont in QEMU's monitor (virsh resume under libvirt) to resume the guest; QEMU's "
        + "migration settings then stay changed, and migrations can omit RAM, until the next save"

    /// Detects a guest whose save was killed after it had changed QEMU.
    ///
    /// - Parameters:
    ///   - guest: The guest's name, for the warning.
    ///   - directory: The guest's directory in the store.
    /// - Returns: A warning; nil if there was no such save, if its QEMU has ended, or if the save
    ///   is still running.
    package static func warning(of guest: GuestName, in directory: Directory) -> SnapError? {
        guard case .marker(let marker)? = try? PauseMarker.find(in: directory),
            let saver = marker.saver, !saver.exists(directory.calls),
            marker.process.exists(directory.calls)
        else { return nil }
        let what =
            marker.stops
            ? "\(guest) paused, and QEMU's migration settings changed"
            : "QEMU's migration settings of \(guest) changed, or disk snapshots"
        return SnapError(
            .busy, "an unfinished save of \(marker.since) may have left \(what)",
            path: directory.file(PauseMarker.name),
            hint: "use snap save with --resume-stale to resume the guest, restore QEMU's settings "
                + "and delete such snapshots")
    }
}
