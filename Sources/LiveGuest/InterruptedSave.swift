package import GuestMemory
package import SnapSystem

/// What a killed save has left in a running QEMU, as far as the guest's directory shows it.
package enum InterruptedSave {
    /// What a user who resumes the guest by hand has to know.
    static let contHint =
        "cont in QEMU's monitor resumes it too, but leaves x-ignore-shared on until the next "
        + "snap save --qmp: migrations leave the RAM out until then"

    /// Reports a guest whose save was killed after it had changed QEMU.
    ///
    /// - Parameters:
    ///   - guest: The guest.
    ///   - directory: The guest's directory in the store.
    /// - Returns: A warning; nil if there is no such guest, its QEMU is gone, or the save is still
    ///   under way.
    package static func warning(of guest: GuestName, in directory: Directory) -> SnapError? {
        guard case .marker(let marker)? = try? PauseMarker.find(in: directory),
            let saver = marker.saver, !saver.exists(directory.calls),
            marker.process.exists(directory.calls)
        else { return nil }
        return SnapError(
            .busy,
            "save of \(guest) of \(marker.since) was interrupted: the guest may be paused, "
                + "and QEMU's migrations may leave its RAM out",
            path: directory.file(PauseMarker.name),
            hint: "snap save --qmp --resume-stale resumes the guest and puts the settings back")
    }
}
