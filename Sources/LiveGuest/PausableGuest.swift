// LiveGuest
//
// A guest of a running QEMU that snap can save: the files of its RAM, its device state, and the
// pause during which snap reads both. It imports QEMUMonitor and MigrationStream, and does not know
// stores. Start at `PausableGuest.whilePaused`.

package import GuestMemory
package import MigrationStream
import QEMUMonitor
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A running guest that is paused while its memory is read, and resumed on success and on failure.
///
///     connect ─ undo a killed save's changes ─ open RAM │ write marker ─ stop ─ device state ─
///     pages ─ cont ─ delete marker │
///
/// A guest that was already paused is not resumed. QEMU then reports it as `postmigrate`, and does
/// not save its device state again until it has run.
package struct PausableGuest: ~Copyable {
    private var guest: QEMUGuest
    /// The path of the QMP socket.
    package let socket: FilePath
    private let directory: Directory
    /// QEMU's migration settings when snap connected to it.
    private let settingsBefore: MigrationSettings
    /// The guest's RAM, one image per file that QEMU names.
    package let images: [MemoryImage]
    /// The marker in the guest's directory; nil if snap has changed nothing in QEMU.
    private var marker: PauseMarker?
    private var areSettingsChanged = false
    /// When the guest was paused.
    private var start = ContinuousClock.now
    /// How long the guest was paused; nil during the pause, and if the guest was already paused.
    package private(set) var pauseDuration: Duration?
    /// Why the guest could not be resumed, QEMU's settings could not be restored, or the marker
    /// could not be deleted; nil if all succeeded.
    ///
    /// The message can follow "snap".
    package private(set) var resumeFailure: SnapError?

    /// The length limit of the device state in bytes.
    package var deviceStateByteCountMax = StreamReader.defaultKeptByteCountMax

    /// The time limits of a pause.
    package struct Timeouts: Sendable {
        /// The time from the start of the pause until all RAM has been read.
        package var pause = Duration.seconds(3600)
        /// The time from the start of the pause until QEMU has sent its complete device state.
        package var deviceState = Duration.seconds(120)
        /// The time to restore QEMU's settings after the memory has been read.
        package var settings = Duration.seconds(5)
        /// The time to resume the guest after that.
        package var resume = Duration.seconds(20)

        /// Creates the default time limits.
        package init() {}
    }

    private let timeouts: Timeouts

    /// Connects to the guest, undoes the changes of a killed save, and opens the RAM.
    ///
    /// - Parameters:
    ///   - socket: The path of the QMP socket.
    ///   - directory: The guest's directory in the store.
    ///   - resumesUnfinished: Whether to resume a guest that a killed save has left paused.
    ///   - context: The context of the operation. Its lock timeout also limits the wait until
    ///     another QMP client disconnects.
    ///   - timeouts: The time limits of a pause.
    /// - Returns: The guest, which snap has not paused yet.
    /// - Throws: `.notFound`, `.permission`; `.busy` if another client is connected, a migration is
    ///   in progress, or a killed save has left the guest paused; `.mismatch` if a file does not
    ///   match QEMU's RAM; `.unsupported`, `.inputOutput` or `.interrupted`.
    package static func connect(
        to socket: FilePath, in directory: Directory, resumesUnfinished: Bool,
        _ context: WorkContext, timeouts: Timeouts = Timeouts()
    ) throws(SnapError) -> PausableGuest {
        var guest = try QEMUGuest(socket, timeout: context.lockTimeout, context.calls)
        try UnfinishedSaveRecovery(
            socket: socket, directory: directory, resumes: resumesUnfinished, warn: context.warn
        ).run(on: &guest)
        return try PausableGuest(guest, at: socket, in: directory, context, timeouts: timeouts)
    }

    private init(
        _ guest: consuming QEMUGuest, at socket: FilePath, in directory: Directory,
        _ context: WorkContext, timeouts: Timeouts
    ) throws(SnapError) {
        self.timeouts = timeouts
        guard try !guest.isMigrating() else {
            throw SnapError(.busy, "a migration of this guest is in progress", path: socket)
        }
        let settings = try guest.settings()
        guard settings.canIgnoreShared else {
            throw SnapError(
                .unsupported,
                "QEMU lacks the capability x-ignore-shared, expected QEMU 4.0 or later",
                path: socket)
        }
        guard !settings.isEncrypted else {
            throw SnapError(
                .unsupported, "QEMU encrypts migrations, expected tls-creds to be empty",
                path: socket)
        }
        images = try Self.openImages(of: &guest, context)
        settingsBefore = settings
        self.guest = guest
        self.socket = socket
        self.directory = directory
    }

    private static func openImages(
        of guest: inout QEMUGuest, _ context: WorkContext
    ) throws(SnapError) -> [MemoryImage] {
        let backends = try guest.backends()
        let access = try MemoryFileAccess(
            to: backends.map(\.path), namedBy: guest.peer, context)
        var images: [MemoryImage] = []
        for backend in backends {
            let file = try access.open(backend.path)
            let byteCount = try file.status().byteCount
            guard byteCount == backend.byteCount else {
                throw SnapError(
                    .mismatch,
                    "length is \(byteCount) bytes, expected \(backend.byteCount), the length of "
                        + "RAM \(backend.name) in QEMU", path: backend.path,
                    hint: byteCount > backend.byteCount
                        ? "use truncate -s \(backend.byteCount) to cut off the bytes that QEMU "
                            + "does not use" : nil)
            }
            images.append(try MemoryImage(raw: file, name: backend.name))
        }
        return images
    }

    // MARK: Pausing

    /// Pauses the guest, unless it is already paused, and resumes it after a closure has returned.
    ///
    /// During the pause, signals only set a flag. Whether `body` throws or not, the guest is
    /// resumed if it was running, and QEMU's settings are restored. If that fails, `resumeFailure`
    /// is the reason.
    ///
    /// - Parameter body: Reads the memory. Its parameters are the device state, with the RAM that
    ///   is not in a file, and the time by which it must have read the remaining RAM.
    /// - Returns: The result of `body`.
    /// - Throws: `.busy` if the guest is neither running nor paused; `.inputOutput` if QEMU fails;
    ///   what `StreamReader` throws, and what `body` throws.
    package mutating func whilePaused<Result: ~Copyable>(
        _ body: (StreamContent, _ deadline: ContinuousClock.Instant) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        do throws(SnapError) {
            return try Interruption.deferring { () throws(SnapError) in
                defer { endPause() }
                let deadline = ContinuousClock.now + timeouts.pause
                guest.deadline = .now + timeouts.deviceState
                try pause()
                return try body(try readDeviceState(), deadline)
            }
        } catch {
            throw error.with(failureToResume: resumeFailure)
        }
    }

    private mutating func pause() throws(SnapError) {
        let status = try guest.status()
        guard status.isRunning || status.name == "paused" else {
            throw SnapError(
                .busy, "guest is \(status.name), expected running or paused", path: socket,
                hint: status.name == "postmigrate"
                    ? "if it does not run elsewhere, use cont in QEMU's monitor to resume it" : nil)
        }
        let marker = PauseMarker(
            process: guest.peer.process, since: Timestamp.now.rfc3339, wasRunning: status.isRunning,
            settings: settingsBefore, saver: .current(directory.calls))
        try marker.write(in: directory)
        self.marker = marker
        guard status.isRunning else { return }
        start = .now
        try guest.stop()
    }

    private mutating func readDeviceState() throws(SnapError) -> StreamContent {
        areSettingsChanged = true
        try guest.apply(settingsBefore.forDeviceState)
        let pipe = try startDeviceState()
        let (stream, _) = try StreamReader(
            pipe, scratch: directory, stagesRAM: false, deadline: guest.deadline,
            keptByteCountMax: deviceStateByteCountMax
        ).read()
        try guest.finishDeviceState()
        // If this process is killed from now on, the next save can identify the migration.
        marker?.migration = try guest.lastMigration()
        try marker?.write(in: directory)
        try restoreSettings()
        return stream
    }

    /// Makes QEMU write its device state to a pipe, and returns the read end.
    ///
    /// Only QEMU holds the write end, so the pipe ends when QEMU has written everything.
    private mutating func startDeviceState() throws(SnapError) -> SharedFile {
        let (reading, writing) = try Pipe.create(socket, directory.calls)
        try guest.startDeviceState(into: writing)
        return reading
    }

    private mutating func restoreSettings() throws(SnapError) {
        guard areSettingsChanged else { return }
        try guest.apply(guest.settings().undoing(changesTo: settingsBefore))
        areSettingsChanged = false
    }

    /// Resumes the guest, if it was running, and restores QEMU's settings.
    ///
    /// If either fails, the marker stays.
    private mutating func endPause() {
        do throws(SnapError) { try resumeAndPutSettingsBack() } catch { resumeFailure = error }
    }

    private mutating func resumeAndPutSettingsBack() throws(SnapError) {
        guard let marker else { return }
        guest.beginUndoing(within: timeouts.settings)
        var failure: SnapError?
        if areSettingsChanged {
            do throws(SnapError) {
                try guest.cancelMigration()
                try restoreSettings()
            } catch { failure = error }
        }
        if marker.wasRunning {
            // QEMU gets this time regardless of how much it has used so far.
            guest.beginUndoing(within: timeouts.resume)
            do throws(SnapError) { try Self.resume(&guest) } catch {
                throw SnapError(
                    error.code, "cannot resume the guest: \(error.message)", path: socket,
                    hint: "if QEMU still runs, use snap save --qmp --resume-stale, or "
                        + UnfinishedSave.contHint)
            }
            pauseDuration = ContinuousClock.now - start
        }
        if let failure {
            throw SnapError(
                failure.code,
                "cannot restore QEMU's migration settings: \(failure.message)", path: socket)
        }
        self.marker = nil
        try PauseMarker.remove(in: directory)
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
                    guard error.code == .inputOutput, try !guest.status().isRunning
                    else { throw error }
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
