package import GuestMemory
import MigrationStream
import QEMUMonitor
package import SnapSystem
import SystemPackage
package import WorkPipeline

/// A connection to a running guest's QEMU, which undoes what a save has changed there.
///
///     connect ─ undo a killed save's changes │ write marker ─ change settings, stop ─ … ─ cont ─
///     restore settings ─ delete marker │
///
/// The marker in the guest's directory describes the changes while they are in force. If the
/// process is killed, the next save finds it.
package struct GuestConnection: ~Copyable {
    /// The time limits for QEMU.
    package struct Timeouts: Sendable {
        /// The time from the start of a pause, or of a background snapshot, until all RAM has been
        /// read.
        package var pause = Duration.seconds(3600)
        /// The time until QEMU has executed the commands of a save and sent its device state.
        package var deviceState = Duration.seconds(120)
        /// The time to end a migration, and the time to restore QEMU's settings at the end.
        package var settings = Duration.seconds(5)
        /// The time to resume the guest.
        package var resume = Duration.seconds(20)
        /// The time in which QEMU must end a background snapshot that snap does not complete.
        package var cancellation = Duration.seconds(600)

        /// Creates the default time limits.
        package init() {}
    }

    /// The guest.
    var guest: QEMUGuest
    /// What error messages name: the path of the QMP socket, or the domain.
    let socket: FilePath
    private let domainXML: [UInt8]?
    /// Whether the guest ran when the save started.
    private(set) var wasRunning = false
    /// The guest's directory in the store.
    let directory: Directory
    let timeouts: Timeouts
    /// QEMU's migration settings when snap connected to it.
    let settingsBefore: MigrationSettings
    /// The marker in the guest's directory; nil if snap has changed nothing in QEMU.
    private var marker: PauseMarker?
    private var areSettingsChanged = false
    /// Whether a migration in progress may be cancelled at the end.
    var canCancel = true
    /// Whether QEMU has confirmed that it has taken the disk snapshots.
    private var areSnapshotsTaken = false
    /// Whether the guest must be resumed at the end.
    var mustResume = false
    /// The drives of which snapshots are taken.
    private var drives: [Drive] = []
    /// The snapshots of drives that were taken, or may have been.
    private(set) var diskSnapshots: [DiskSnapshot] = []
    /// When snap has stopped the guest.
    private var start: ContinuousClock.Instant?
    /// How long snap has stopped the guest, by QEMU's clock if it has reported both events; nil
    /// before the end, and if snap has not stopped it.
    private(set) var pauseDuration: Duration?

    /// Connects to a guest, and undoes the changes of a killed save.
    ///
    /// - Parameters:
    ///   - address: The guest's QMP socket or domain.
    ///   - directory: The guest's directory in the store.
    ///   - resumesUnfinished: Whether to resume a guest that a killed save has left paused.
    ///   - keepsSnapshots: Whether the disk snapshots of this name belong to a saved checkpoint.
    ///     Those of an unfinished save that do not are deleted.
    ///   - context: The context of the operation. Its lock timeout also limits the wait until
    ///     another QMP client disconnects.
    ///   - timeouts: The time limits for QEMU.
    /// - Throws: `.notFound`, `.permission`; `.busy` if another client is connected, a migration is
    ///   in progress, or a killed save has left the guest paused; `.unsupported`, `.inputOutput` or
    ///   `.interrupted`.
    package init(
        to address: GuestAddress, in directory: Directory, resumesUnfinished: Bool,
        keepsSnapshots: @escaping (String) -> Bool = { _ in true }, _ context: WorkContext,
        timeouts: Timeouts = Timeouts()
    ) throws(SnapError) {
        let socket = address.path
        var guest = try QEMUGuest(address, timeout: context.lockTimeout, context.calls)
        try UnfinishedSaveRecovery(
            socket: socket, directory: directory, resumes: resumesUnfinished,
            keepsSnapshots: keepsSnapshots, warn: context.warn
        ).run(on: &guest)
        guard try !guest.isMigrating() else {
            throw SnapError(.busy, "a migration of this guest is in progress", path: socket)
        }
        let settings = try guest.settings()
        guard !settings.isEncrypted else {
            throw SnapError(
                .unsupported, "QEMU encrypts migrations, expected tls-creds to be empty",
                path: socket)
        }
        domainXML = try guest.domainDescription()
        settingsBefore = settings
        self.guest = guest
        self.socket = socket
        self.directory = directory
        self.timeouts = timeouts
    }

    /// Selects the drives of which a snapshot is taken, before anything is changed.
    ///
    /// - Parameter selection: The selection.
    /// - Throws: As `DiskSelection.select`; and what `QMPClient.ask` throws.
    package mutating func select(_ selection: DiskSelection) throws(SnapError) {
        drives = try selection.select(among: try guest.drives(), at: socket)
    }

    /// Whether a save has something to do while the guest is stopped.
    ///
    /// - Parameter tasks: The tasks of the save.
    /// - Returns: Whether there is a command, or a drive is selected.
    func mustStop(for tasks: PauseTasks) -> Bool { tasks.command != nil || !drives.isEmpty }

    // MARK: Changing

    /// Checks that the guest is running or paused.
    ///
    /// - Returns: Whether it is running.
    /// - Throws: `.busy` if it is neither; and what `QMPClient.ask` throws.
    mutating func checkState() throws(SnapError) -> Bool {
        let status = try guest.status()
        guard status.isRunning || status.name == "paused" else {
            throw SnapError(
                .busy, "guest is \(status.name), expected running or paused", path: socket,
                hint: status.name == "postmigrate"
                    ? "if it does not run elsewhere, use cont in QEMU's monitor to resume it" : nil)
        }
        wasRunning = status.isRunning
        return status.isRunning
    }

    /// libvirt's description of the guest; nil for a guest that it does not manage.
    ///
    /// The state is the one that `checkState` has found.
    var domain: DomainDescription? {
        domainXML.map { DomainDescription(xml: $0, wasRunning: wasRunning) }
    }

    /// Writes the marker, before anything is changed.
    ///
    /// - Parameters:
    ///   - content: What QEMU is to send.
    ///   - stops: Whether snap will stop the guest.
    /// - Throws: `.permission` or `.inputOutput`.
    mutating func begin(_ content: MigrationContent, stops: Bool) throws(SnapError) {
        let marker = PauseMarker(
            process: guest.peer.process, since: Timestamp.now.rfc3339, stops: stops,
            settings: settingsBefore, saver: .current(directory.calls), content: content)
        try marker.write(in: directory)
        self.marker = marker
    }

    /// Stops the guest's processors.
    ///
    /// - Throws: As `QMPClient.execute`. The guest is resumed at the end in any case.
    mutating func stop() throws(SnapError) {
        start = .now
        mustResume = true
        guest.forgetRunStateChanges()
        try guest.stop()
    }

    /// Takes the snapshots of the drives, and runs the command, while the guest is stopped.
    ///
    /// - Parameter tasks: The tasks of the save.
    /// - Throws: As `QMPClient.execute` and `ShellCommand.run`.
    mutating func run(_ tasks: PauseTasks) throws(SnapError) {
        if !drives.isEmpty {
            let snapshots = drives.map {
                DiskSnapshot(drive: $0.name, path: $0.path, name: tasks.diskSnapshotName)
            }
            marker?.diskSnapshots = snapshots
            try marker?.write(in: directory)
            diskSnapshots = snapshots
            try guest.take(snapshots)
            areSnapshotsTaken = true
        }
        try tasks.command?.run(directory.calls)
    }

    /// Keeps the snapshots of drives with a saved checkpoint, or deletes them after a failed save.
    ///
    /// - Parameters:
    ///   - isSaved: Whether the checkpoint is saved.
    ///   - warn: Receives what cannot be deleted.
    mutating func finishDiskSnapshots(isSaved: Bool, _ warn: (SnapError) -> Void) {
        if diskSnapshots.isEmpty { return }
        if !isSaved {
            guest.beginUndoing(within: timeouts.resume)
            for snapshot in diskSnapshots {
                do throws(SnapError) { try guest.deleteIfActive(snapshot) } catch {
                    // QEMU takes all snapshots or none.
                    if areSnapshotsTaken { warn(error.asDeletionFailure(of: snapshot, at: socket)) }
                }
            }
        }
        diskSnapshots = []
        // The marker of a guest that could not be resumed stays.
        guard marker == nil else { return }
        do throws(SnapError) { try PauseMarker.remove(in: directory) } catch { warn(error) }
    }

    /// Changes QEMU's migration settings for the content that the marker names.
    ///
    /// - Throws: As `QMPClient.execute`.
    mutating func changeSettings() throws(SnapError) {
        guard let content = marker?.content else { return }
        areSettingsChanged = true
        try guest.apply(settingsBefore.changes(for: content))
    }

    /// Adds the migration that has just ended to the marker, so that the next save can identify it.
    ///
    /// - Parameter migration: The migration.
    /// - Throws: `.permission` or `.inputOutput`.
    mutating func record(_ migration: QEMUGuest.MigrationTrace) throws(SnapError) {
        marker?.migration = migration
        try marker?.write(in: directory)
    }

    // MARK: Undoing

    /// Tells QEMU to restore its capabilities, without waiting for it.
    ///
    /// If the process is killed after QEMU has received this, a later migration by the guest's
    /// owner contains all RAM. `end` checks the settings, and restores the others.
    ///
    /// - Throws: As `QMPClient.post`.
    mutating func postCapabilities() throws(SnapError) {
        guard let content = marker?.content else { return }
        let changed = settingsBefore.changes(for: content)
        try guest.postCapabilities(
            of: changed.undoing(changesTo: settingsBefore, for: content))
    }

    /// Resumes the guest if it must be, restores QEMU's settings, and deletes the marker.
    ///
    /// If either fails, the marker stays. A migration in progress is cancelled first.
    ///
    /// - Throws: The error of QEMU or of the marker. The message can follow "snap".
    mutating func end() throws(SnapError) {
        guard marker != nil else { return }
        guest.beginUndoing(within: timeouts.settings)
        guest.closeUnusedDescriptor()
        if canCancel && areSettingsChanged && marker?.migration == nil {
            // If this fails, QEMU refuses to restore the settings.
            try? guest.cancelMigration()
        }
        var failure: SnapError?
        if mustResume { do throws(SnapError) { try resume() } catch { failure = error } }
        do throws(SnapError) { try restoreSettings() } catch {
            failure =
                failure
                ?? SnapError(
                    error.code,
                    "cannot restore QEMU's migration settings: \(error.message)", path: socket)
        }
        pauseDuration = pauseDuration.map { guest.runStateChanges.firstPause ?? $0 }
        if let failure { throw failure }
        guard var rest = marker.take() else { return }
        if diskSnapshots.isEmpty { return try PauseMarker.remove(in: directory) }
        // If the process is killed before the checkpoint is saved, the next save deletes them.
        rest.stops = false
        rest.settings = MigrationSettings([], settingsBefore.parameters)
        try rest.write(in: directory)
    }

    /// Restores the settings that `changeSettings` has changed.
    private mutating func restoreSettings() throws(SnapError) {
        guard areSettingsChanged, let content = marker?.content else { return }
        guest.beginUndoing(within: timeouts.settings)
        try guest.apply(guest.settings().undoing(changesTo: settingsBefore, for: content))
        areSettingsChanged = false
    }

    private mutating func resume() throws(SnapError) {
        // QEMU gets this time regardless of how much it has used so far.
        guest.beginUndoing(within: timeouts.resume)
        do throws(SnapError) { try Self.resume(&guest) } catch {
            throw SnapError(
                error.code, "cannot resume the guest: \(error.message)", path: socket,
                hint: "if QEMU still runs, use snap save with --resume-stale, or "
                    + UnfinishedSave.contHint)
        }
        mustResume = false
        pauseDuration = start.map { .now - $0 }
    }

    /// Resumes a guest, and retries if QEMU refuses because it is still completing a migration.
    ///
    /// - Parameter guest: The guest to resume.
    /// - Throws: QEMU's refusal, if QEMU still refuses at the deadline; and what
    ///   `QMPClient.execute` throws.
    static func resume(_ guest: inout QEMUGuest) throws(SnapError) {
        var refusal: SnapError?
        do throws(SnapError) {
            while true {
                do throws(SnapError) { return try guest.resume() } catch {
                    // libvirt can be busy before the deadline.
                    let isTransient =
                        error.code == .inputOutput
                        || error.code == .busy && ContinuousClock.now < guest.deadline
                    guard isTransient, try !guest.status().isRunning else { throw error }
                    refusal = error
                }
                try guest.waitBriefly()
            }
        } catch {
            // The reason for QEMU's refusal is more useful than the timeout.
            throw error.code == .busy ? refusal ?? error : error
        }
    }
}
