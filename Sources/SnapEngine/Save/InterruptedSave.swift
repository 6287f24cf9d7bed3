package import GuestMemory
package import SnapSystem

/// What a save that was killed has left in a running QEMU, as far as the store shows it.
package enum InterruptedSave {
    /// What a user who resumes the guest by hand has to know.
    static let contHint =
        "cont in QEMU's monitor resumes it too, but leaves x-ignore-shared on until the next "
        + "snap save --qmp: migrations leave the RAM out until then"

    /// Reports a guest whose save was killed after it had changed QEMU.
    ///
    /// - Parameter guest: The guest's directory.
    /// - Returns: A warning; nil if there is no such guest, its QEMU is gone, or the save is still
    ///   under way.
    static func warning(of guest: GuestDirectory) -> SnapError? {
        let directory = guest.directory
        guard case .marker(let marker)? = try? StandstillMarker.find(in: directory),
            let saver = marker.saver, !saver.exists(directory.calls),
            marker.process.exists(directory.calls)
        else { return nil }
        return SnapError(
            .busy,
            "save of \(guest.guest) of \(marker.since) was interrupted: the guest may be paused, "
                + "and QEMU's migrations may leave its RAM out",
            path: directory.file(StandstillMarker.name),
            hint: "snap save --qmp --resume-stale resumes the guest and puts the settings back")
    }
}

extension Store {
    /// Reports guests that a killed save has left paused, or their QEMU with other settings.
    ///
    /// - Parameter guest: Which guest; nil for all.
    /// - Throws: `.permission` or `.inputOutput`.
    package func interruptedSaves(of guest: GuestName?) throws(SnapError) -> [SnapError] {
        let guests = if let guest { [guest] } else { try Self.guests(in: directory) }
        return guests.compactMap { InterruptedSave.warning(of: self.guest($0)) }
    }
}
