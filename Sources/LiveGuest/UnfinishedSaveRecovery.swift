import GuestMemory
import QEMUMonitor
import SnapSystem
import SystemPackage

/// Undoes the changes that a killed save has left in its guest's QEMU.
///
/// It undoes nothing that the user may have done since: the guest may have been migrated to another
/// host, and must not run twice.
struct UnfinishedSaveRecovery {
    /// What error messages name: the path of the QMP socket, or the domain.
    let socket: FilePath
    /// The guest's directory in the store, which contains the marker.
    let directory: Directory
    /// Whether to resume a guest that the killed save has left paused.
    let resumes: Bool
    /// Whether the disk snapshots of a name belong to a saved checkpoint.
    let keepsSnapshots: (String) -> Bool
    /// The closure that receives warnings.
    let warn: @Sendable (SnapError) -> Void

    /// How long a migration that the killed save had started may take to end.
    private static let endTimeout = Duration.seconds(5)
    /// The same for a background snapshot, whose stream is read to its end (`StreamDrain`).
    private static let snapshotEndTimeout = Duration.seconds(60)

    /// Searches for a marker, undoes the changes that it describes, and deletes it.
    ///
    /// - Parameter guest: The guest to which snap is connected.
    /// - Throws: `.busy` if the guest is paused and must not be resumed, or if a migration is in
    ///   progress; `.permission`, `.inputOutput` or `.interrupted`.
    func run(on guest: inout QEMUGuest) throws(SnapError) {
        switch try PauseMarker.find(in: directory) {
        case .none: return
        case .foreign(let reason):
            warn(
                SnapError(
                    .permission, "\(reason): ignored as the marker of an unfinished save",
                    path: directory.file(PauseMarker.name)))
        case .unreadable:
            try checkRunning(
                &guest, failureReason: "snap cannot decode the marker of an unfinished save")
        case .marker(let marker):
            switch marker.isFor(guest) {
            case true?: try undo(marker, on: &guest)
            // That save did not pause this QEMU, which is another process.
            case false?: warnOfSnapshots(of: marker)
            case nil:
                try checkRunning(
                    &guest,
                    failureReason: "snap cannot determine whether an unfinished save paused it")
            }
        }
        try PauseMarker.remove(in: directory)
    }

    private func checkRunning(
        _ guest: inout QEMUGuest, failureReason reason: String
    ) throws(SnapError) {
        let status = try guest.status()
        guard status.isRunning else {
            throw SnapError(
                .busy, "guest is \(status.name), and \(reason)", path: socket,
                hint: UnfinishedSave.contHint)
        }
    }

    private func undo(
        _ marker: PauseMarker, on guest: inout QEMUGuest
    ) throws(SnapError) {
        let content = marker.content ?? .deviceState
        let deadline = ContinuousClock.now + (try endTimeout(of: content, marker, on: &guest))
        while try guest.isMigrating() {
            guard ContinuousClock.now < deadline else {
                throw SnapError(.busy, "a migration of this guest is in progress", path: socket)
            }
            try guest.waitBriefly()
        }
        let settings = try guest.settings()
        let status = try guest.status()
        let mustResume = marker.stops && !status.isRunning
        if mustResume {
            let areOurs = settings.areThose(of: content, before: marker.settings)
            try check(marker, on: &guest, areSettingsOurs: areOurs)
        }
        if settings.areChanged(before: marker.settings, for: content) {
            try guest.apply(settings.undoing(changesTo: marker.settings, for: content))
            warn(
                SnapError(
                    .busy,
                    "restored QEMU's migration settings, which an unfinished save of "
                        + "\(marker.since) had changed", path: socket))
        }
        if mustResume {
            try GuestConnection.resume(&guest)
            warn(
                SnapError(
                    .busy,
                    "resumed the guest, which an unfinished save had left \(status.name) since "
                        + marker.since, path: socket))
        }
        try deleteSnapshots(of: marker, on: &guest)
    }

    /// Deletes the disk snapshots of a save that was killed before its checkpoint was saved.
    private func deleteSnapshots(
        of marker: PauseMarker, on guest: inout QEMUGuest
    ) throws(SnapError) {
        for snapshot in marker.diskSnapshots ?? [] where !keepsSnapshots(snapshot.name) {
            do throws(SnapError) {
                try guest.deleteIfActive(snapshot)
                warn(
                    SnapError(
                        .busy,
                        "deleted snapshot \(snapshot.name) of drive \(snapshot.drive), which an "
                            + "unfinished save of \(marker.since) had taken", path: socket))
            } catch {
                // The save may have been killed before it took the snapshot.
                guard error.code == .inputOutput || error.code == .busy else { throw error }
                warn(error.asDeletionFailure(of: snapshot, at: socket))
            }
        }
    }

    /// Reports the disk snapshots of a killed save whose QEMU has ended.
    private func warnOfSnapshots(of marker: PauseMarker) {
        for snapshot in marker.diskSnapshots ?? [] where !keepsSnapshots(snapshot.name) {
            warn(
                SnapError(
                    .busy,
                    "an unfinished save of \(marker.since) may have left snapshot "
                        + "\(snapshot.name) of drive \(snapshot.drive)", path: socket,
                    hint: "when no QEMU uses the image, use \(snapshot.deletionCommand)"))
        }
    }

    /// Returns how long a migration that is in progress may take to end; zero if it is not that of
    /// the killed save.
    private func endTimeout(
        of content: MigrationContent, _ marker: PauseMarker, on guest: inout QEMUGuest
    ) throws(SnapError) -> Duration {
        if content == .backgroundSnapshot {
            let areOurs = try guest.settings().areThose(of: content, before: marker.settings)
            return areOurs ? Self.snapshotEndTimeout : .zero
        }
        return try guest.status().isRunning ? .zero : Self.endTimeout
    }

    /// Refuses to resume the guest, unless `resumes` is set and only the killed save has paused it.
    private func check(
        _ marker: PauseMarker, on guest: inout QEMUGuest, areSettingsOurs: Bool
    ) throws(SnapError) {
        let name = try guest.status().name
        var isPausedBySave = name == "paused"
        if name == "postmigrate" {
            // A migration has completed. Only the killed save's own allows the guest to be resumed.
            isPausedBySave =
                marker.migration == nil
                ? areSettingsOurs : try guest.lastMigration() == marker.migration
        }
        guard isPausedBySave else {
            throw SnapError(
                .busy,
                "guest is \(name), but not only because of the unfinished save of \(marker.since)",
                path: socket,
                hint: "if the guest does not run elsewhere, " + UnfinishedSave.contHint)
        }
        guard resumes else {
            throw SnapError(
                .busy,
                "an unfinished save has left the guest \(name) since \(marker.since)",
                path: socket, hint: "use --resume-stale to resume it before it is saved")
        }
    }
}
