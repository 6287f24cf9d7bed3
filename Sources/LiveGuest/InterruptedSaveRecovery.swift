import QEMUMonitor
import SnapSystem
import SystemPackage

/// Undoes what a save that was killed has left in its guest's QEMU.
///
/// Nothing is undone that the user may have done: the guest may have been moved elsewhere since,
/// and must not run twice.
struct InterruptedSaveRecovery {
    /// The QMP socket.
    let socket: FilePath
    /// The guest's directory.
    let directory: Directory
    /// Whether a guest that is paused is resumed.
    let resumes: Bool
    /// What takes warnings.
    let warn: @Sendable (SnapError) -> Void

    /// How long a migration that the killed save had begun may take to fail.
    private static let failureTimeout = Duration.seconds(5)

    /// Looks for a marker, and undoes what it names.
    ///
    /// - Parameter guest: The guest.
    /// - Throws: `.busy` if the guest is paused and not resumed, or a migration is under way;
    ///   `.permission`, `.inputOutput`, `.interrupted`.
    func run(on guest: inout QEMUGuest) throws(SnapError) {
        switch try PauseMarker.find(in: directory) {
        case .none: return
        case .foreign(let reason):
            warn(
                SnapError(
                    .permission, "\(reason): what it says of an interrupted save is ignored",
                    path: directory.file(PauseMarker.name)))
        case .unreadable:
            try checkRunning(&guest, otherwise: "what a save has left of it cannot be read")
        case .marker(let marker):
            switch marker.isFor(guest) {
            case true?: try undo(marker, on: &guest)
            // Another QEMU has not been paused by that save.
            case false?: break
            case nil:
                try checkRunning(
                    &guest, otherwise: "whether by a save that did not end cannot be seen")
            }
        }
        try PauseMarker.remove(in: directory)
    }

    private func checkRunning(
        _ guest: inout QEMUGuest, otherwise reason: String
    ) throws(SnapError) {
        let status = try guest.status()
        guard status.isRunning else {
            throw SnapError(
                .busy, "guest is \(status.name), and \(reason)", path: socket,
                hint: InterruptedSave.contHint)
        }
    }

    private func undo(
        _ marker: PauseMarker, on guest: inout QEMUGuest
    ) throws(SnapError) {
        let status = try guest.status()
        let deadline = ContinuousClock.now + (status.isRunning ? .zero : Self.failureTimeout)
        while try guest.isMigrating() {
            guard ContinuousClock.now < deadline else {
                throw SnapError(.busy, "a migration of this guest is under way", path: socket)
            }
            try guest.waitBriefly()
        }
        let settings = try guest.settings()
        let mustResume = marker.wasRunning && !status.isRunning
        if mustResume {
            let areOurs = settings.areForDeviceState(before: marker.settings)
            try check(marker, on: &guest, areSettingsOurs: areOurs)
        }
        if settings.areChanged(before: marker.settings) {
            try guest.apply(settings.undoing(changesTo: marker.settings))
            warn(
                SnapError(
                    .busy,
                    "QEMU's migration settings, changed by an interrupted save of \(marker.since), "
                        + "are as before again", path: socket))
        }
        if mustResume {
            try PausableGuest.resume(&guest)
            warn(
                SnapError(
                    .busy, "guest was \(status.name) since \(marker.since), and goes on now",
                    path: socket))
        }
    }

    /// Refuses to resume a guest that is not known to be paused for the killed save alone.
    private func check(
        _ marker: PauseMarker, on guest: inout QEMUGuest, areSettingsOurs: Bool
    ) throws(SnapError) {
        let name = try guest.status().name
        var isOurs = name == "paused"
        if name == "postmigrate" {
            // A migration has come to its end: the killed save's?
            isOurs =
                marker.migration == nil
                ? areSettingsOurs : try guest.lastMigration() == marker.migration
        }
        guard isOurs else {
            throw SnapError(
                .busy,
                "guest is \(name), and not only by the save that did not end, of \(marker.since)",
                path: socket,
                hint: "if the guest does not run elsewhere: " + InterruptedSave.contHint)
        }
        guard resumes else {
            throw SnapError(
                .busy, "guest is \(name) since a save that did not end, of \(marker.since)",
                path: socket, hint: "--resume-stale lets it go on before it is saved")
        }
    }
}
