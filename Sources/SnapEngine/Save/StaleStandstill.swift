import QEMUMonitor
import SnapSystem
import SystemPackage

/// What a save that did not end has left of its guest.
///
/// Nothing is undone that may be somebody else's doing: the guest may have been moved elsewhere
/// since, and must not run twice.
struct StaleStandstill {
    /// The QMP socket.
    let socket: FilePath
    /// The guest's directory.
    let directory: Directory

    /// How long a migration that the dead save had begun may take to fail.
    private static let failurePatience = Duration.seconds(5)

    /// Looks for a marker, and settles what it tells of.
    ///
    /// - Parameters:
    ///   - guest: The guest.
    ///   - resumes: Whether a guest that is paused is let go.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: `.busy` if the guest stands still and is not let go, or a migration is under way;
    ///   `.permission`, `.inputOutput`, `.interrupted`.
    func settle(
        _ guest: inout RunningGuest, resumes: Bool, warn: (SnapError) -> Void
    ) throws(SnapError) {
        switch try StandstillMarker.find(in: directory) {
        case .none: return
        case .unreadable:
            let status = try guest.status()
            guard status.isRunning else {
                throw SnapError(
                    .busy,
                    "guest is \(status.name), and what a save has left of it cannot be read",
                    path: socket, hint: InterruptedSave.contHint)
            }
        case .marker(let marker):
            // Another QEMU has not been stopped by anyone we know.
            if marker.process == guest.process {
                try settle(&guest, marker, resumes: resumes, warn: warn)
            }
        }
        try StandstillMarker.remove(in: directory)
    }

    private func settle(
        _ guest: inout RunningGuest, _ marker: StandstillMarker, resumes: Bool,
        warn: (SnapError) -> Void
    ) throws(SnapError) {
        let status = try guest.status()
        let deadline = ContinuousClock.now + (status.isRunning ? .zero : Self.failurePatience)
        while try guest.isMigrating() {
            guard ContinuousClock.now < deadline else {
                throw SnapError(.busy, "a migration of this guest is under way", path: socket)
            }
            try guest.pause()
        }
        let settings = try guest.settings()
        let mustGoOn = marker.wasRunning && !status.isRunning
        if mustGoOn {
            let areOurs = settings.areForDeviceState(before: marker.settings)
            try check(&guest, marker, resumes: resumes, areSettingsOurs: areOurs)
        }
        if settings.areChanged(before: marker.settings) {
            try guest.apply(settings.toPutBack(before: marker.settings))
            warn(
                SnapError(
                    .busy,
                    "QEMU's migration settings, changed by an interrupted save of \(marker.since), "
                        + "are as before again", path: socket))
        }
        if mustGoOn {
            try Standstill.resume(&guest)
            warn(
                SnapError(
                    .busy, "guest was \(status.name) since \(marker.since), and goes on now",
                    path: socket))
        }
    }

    /// Refuses to let a guest go that is not known to stand still for the dead save alone.
    private func check(
        _ guest: inout RunningGuest, _ marker: StandstillMarker, resumes: Bool,
        areSettingsOurs: Bool
    ) throws(SnapError) {
        let name = try guest.status().name
        var isOurs = name == "paused"
        if name == "postmigrate" {
            // A migration has come to its end: the dead save's?
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
