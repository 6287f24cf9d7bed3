// LiveGuest
//
// A guest under a running QEMU as something to save: its RAM's files, its device state, and the
// pause in which both are read. It imports QEMUMonitor and MigrationStream, and knows nothing of
// stores. Start at `PausableGuest.whilePaused`.

package import GuestMemory
package import MigrationStream
import QEMUMonitor
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A running guest that is paused while its memory is read, and resumed whatever happens.
///
///     connect ─ what a killed save left ─ open RAM │ marker ─ stop ─ device state ─ pages ─ cont ─
///     marker gone │
///
/// A guest that was paused before is not resumed. QEMU calls it `postmigrate` afterwards, and saves
/// no device state of it again before it has run.
package struct PausableGuest: ~Copyable {
    private var guest: QEMUGuest
    /// The QMP socket.
    package let socket: FilePath
    private let directory: Directory
    /// QEMU's migration settings when it was connected to.
    private let settingsBefore: MigrationSettings
    /// The RAM, in the files that QEMU names.
    package let images: [MemoryImage]
    /// What is in the guest's directory; nil if nothing has been changed.
    private var marker: PauseMarker?
    private var areSettingsChanged = false
    private var start = ContinuousClock.now
    /// How long the guest was paused; nil while it is, and if it was paused before.
    package private(set) var pauseDuration: Duration?
    /// Why the guest could not be resumed, or QEMU's settings could not be put back.
    package private(set) var resumeFailure: SnapError?

    /// How long its device state may be, in bytes.
    package var deviceStateByteCountMax = StreamReader.usualKeptByteCountMax

    /// How long a pause may take.
    package struct Timeouts: Sendable {
        /// Until all RAM has been read.
        package var pause = Duration.seconds(3600)
        /// Of that for QEMU, until all of its device state has come.
        package var deviceState = Duration.seconds(120)
        /// For QEMU's settings to be put back, afterwards.
        package var settings = Duration.seconds(5)
        /// For the guest to be resumed then.
        package var resume = Duration.seconds(20)

        /// The usual ones.
        package init() {}
    }

    private let timeouts: Timeouts

    /// Connects to the guest, recovers from a save that was killed, and opens the RAM.
    ///
    /// - Parameters:
    ///   - socket: The QMP socket.
    ///   - directory: The guest's directory in the store.
    ///   - resumesInterrupted: Whether a guest that a killed save has left paused is resumed.
    ///   - context: How to run; the lock timeout is also that for another QMP client to leave.
    ///   - timeouts: How long a pause may take.
    /// - Throws: `.notFound`, `.permission`; `.busy` if another client or a migration is in the
    ///   way, or a killed save has left the guest paused; `.mismatch` if a file is not the RAM that
    ///   QEMU has; `.unsupported`; `.inputOutput`, `.interrupted`.
    package static func connect(
        to socket: FilePath, in directory: Directory, resumesInterrupted: Bool,
        _ context: WorkContext, timeouts: Timeouts = Timeouts()
    ) throws(SnapError) -> PausableGuest {
        var guest = try QEMUGuest(socket, timeout: context.lockTimeout, context.calls)
        try InterruptedSaveRecovery(
            socket: socket, directory: directory, resumes: resumesInterrupted, warn: context.warn
        ).run(on: &guest)
        return try PausableGuest(guest, at: socket, in: directory, context, timeouts: timeouts)
    }

    private init(
        _ guest: consuming QEMUGuest, at socket: FilePath, in directory: Directory,
        _ context: WorkContext, timeouts: Timeouts
    ) throws(SnapError) {
        self.timeouts = timeouts
        guard try !guest.isMigrating() else {
            throw SnapError(.busy, "a migration of this guest is under way", path: socket)
        }
        let settings = try guest.settings()
        guard settings.canIgnoreShared else {
            throw SnapError(
                .unsupported, "this QEMU has no capability x-ignore-shared, which came with 4.0",
                path: socket)
        }
        guard !settings.isEncrypted else {
            throw SnapError(
                .unsupported, "QEMU is told to encrypt migrations, by tls-creds", path: socket)
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
                    "length is \(byteCount) bytes, QEMU has \(backend.byteCount) of RAM "
                        + "\(backend.name) in it", path: backend.path,
                    hint: byteCount > backend.byteCount
                        ? "truncate -s \(backend.byteCount) cuts off what QEMU does not use" : nil)
            }
            images.append(try MemoryImage(raw: file, name: backend.name))
        }
        return images
    }

    // MARK: Pausing

    /// Pauses the guest, unless it is paused already, and resumes it when the memory has been read.
    ///
    /// Signals only set their flag meanwhile. Whether `body` throws or not, the guest is resumed
    /// and QEMU's settings are put back; if that fails, `resumeFailure` says why.
    ///
    /// - Parameter body: What reads the memory; it takes the device state and whatever RAM is in no
    ///   file, and when it has to have read the rest.
    /// - Returns: What `body` returns.
    /// - Throws: `.busy` if the guest is neither running nor paused; `.inputOutput` if QEMU fails;
    ///   what reading a stream throws, and what `body` throws.
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
                    ? "cont in QEMU's monitor lets it go on, if it does not run elsewhere" : nil)
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
        // If this process is killed from now on, the next knows whose migration it was.
        marker?.migration = try guest.lastMigration()
        try marker?.write(in: directory)
        try putSettingsBack()
        return stream
    }

    /// Makes QEMU write its device state into a pipe, and returns the reading end.
    ///
    /// Only QEMU holds the other end, so the end of the file means that QEMU is done.
    private mutating func startDeviceState() throws(SnapError) -> SharedFile {
        let (reading, writing) = try Pipe.make(socket, directory.calls)
        try guest.startDeviceState(into: writing)
        return reading
    }

    private mutating func putSettingsBack() throws(SnapError) {
        guard areSettingsChanged else { return }
        try guest.apply(guest.settings().undoing(changesTo: settingsBefore))
        areSettingsChanged = false
    }

    /// Resumes the guest, if it was running, and leaves QEMU as it was; if it cannot, the marker
    /// stays.
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
                try putSettingsBack()
            } catch { failure = error }
        }
        if marker.wasRunning {
            // Whatever QEMU has done with its time so far.
            guest.beginUndoing(within: timeouts.resume)
            do throws(SnapError) { try Self.resume(&guest) } catch {
                throw SnapError(
                    error.code, "guest cannot be let go: \(error.message)", path: socket,
                    hint: "if QEMU is still there: the next snap save --resume-stale resumes it; "
                        + InterruptedSave.contHint)
            }
            pauseDuration = ContinuousClock.now - start
        }
        if let failure {
            throw SnapError(
                failure.code, "guest's QEMU migrates otherwise than before: \(failure.message)",
                path: socket)
        }
        self.marker = nil
        try PauseMarker.remove(in: directory)
    }

    /// Resumes a guest, as soon as QEMU lets it: it may be busy with a migration's end.
    ///
    /// - Parameter guest: The guest.
    /// - Throws: What QEMU says if it refuses for long.
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
            // Why QEMU refuses says more than that the time is over.
            throw error.code == .busy ? refusal ?? error : error
        }
    }
}
