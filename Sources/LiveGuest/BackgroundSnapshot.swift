package import GuestMemory
package import MigrationStream
import QEMUMonitor
package import SnapSystem
package import WorkPipeline

/// The memory and device state of one instant of a guest that runs on while QEMU sends them.
///
///     write marker ─ change settings │ stop ─ tasks │ migrate ─ RAM ─ stage ─ device state ─
///     restore settings ─ delete marker
///
/// QEMU protects the RAM against writes, and sends each page before the guest changes it
/// (background-snapshot, QEMU's docs/devel/migration). So the guest waits whenever the stream
/// waits: snap reads it into a stage at full speed, and a `StreamDrain` reads it if snap does not.
///
/// QEMU itself stops the guest for the instant. If there are tasks, snap stops it before them, and
/// resumes it when the first page has arrived: the RAM is protected from then on.
///
/// A guest that was already paused stays paused, and QEMU sends its RAM in the usual way.
package struct BackgroundSnapshot: ~Copyable {
    private var connection: GuestConnection
    /// How long snap waits for the next bytes of the stream before it ends the save.
    private let timeout: Duration
    /// The length limit of the device state in bytes.
    package var deviceStateByteCountMax = StreamReader.defaultKeptByteCountMax
    /// How long the guest was stopped, by QEMU's clock; nil if it was already paused.
    package private(set) var pauseDuration: Duration?
    /// Why the guest could not be resumed, QEMU's settings could not be restored, or the marker
    /// could not be deleted; nil if all succeeded.
    ///
    /// The message can follow "snap".
    package private(set) var resumeFailure: SnapError?
    /// Reads the stream if snap does not; nil unless QEMU sends.
    private var drain: StreamDrain?
    /// Whether QEMU can end a background snapshot early.
    ///
    /// Older versions leave the RAM protected then, and the guest hangs at its next write. Seen
    /// with 7.2, not with 10.0.
    private let canCancel: Bool

    /// Creates a snapshot that is not taken yet.
    ///
    /// - Parameters:
    ///   - connection: The connection to the guest.
    ///   - timeout: How long snap waits for the next bytes of the stream before it ends the save.
    /// - Throws: `.unsupported` if QEMU has no background snapshots; and what `QMPClient.ask`
    ///   throws.
    package init(
        _ connection: consuming GuestConnection, timeout: Duration
    ) throws(SnapError) {
        guard connection.settingsBefore.canTakeBackgroundSnapshot else {
            throw SnapError(
                .unsupported,
                "QEMU lacks the capability background-snapshot, expected QEMU 6.0 or later",
                path: connection.socket)
        }
        canCancel = try connection.guest.version().major >= 10
        connection.canCancel = canCancel
        self.connection = connection
        self.timeout = timeout
    }

    /// Takes the snapshot.
    ///
    /// During this, signals only set a flag, which ends the snapshot. Whether it fails or not, a
    /// guest that was stopped for it runs at the end, and QEMU's settings are restored. If that
    /// fails, `resumeFailure` is the reason.
    ///
    /// - Parameters:
    ///   - tasks: What to do at the snapshot's instant, while the guest is stopped.
    ///   - context: Receives the progress.
    /// - Returns: The device state, and the RAM in images that do not change.
    /// - Throws: `.unsupported` if QEMU refuses a background snapshot; `.busy` if the guest is
    ///   neither running nor paused; `.inputOutput` if QEMU, a task or the stage fails, or if the
    ///   stream makes no progress; `.interrupted`, and what `StreamReader` throws.
    package mutating func take(
        _ tasks: PauseTasks, _ context: WorkContext
    ) throws(SnapError) -> (StreamContent, [MemoryImage]) {
        do throws(SnapError) {
            return try Interruption.deferring { () throws(SnapError) in
                defer { end() }
                connection.guest.deadline = .now + connection.timeouts.deviceState
                let isRunning = try connection.checkState()
                let stops = isRunning && connection.mustStop(for: tasks)
                try connection.begin(isRunning ? .backgroundSnapshot : .complete, stops: stops)
                try changeSettings()
                connection.guest.forgetRunStateChanges()
                if stops { try connection.stop() }
                try connection.run(tasks)
                connection.guest.deadline = .now + connection.timeouts.deviceState
                let result = try readStream(resumes: stops, context.progress)
                if isRunning {
                    try? connection.guest.awaitRunStateChanges { changes, _ in
                        changes.firstPause != nil
                    }
                    pauseDuration = connection.guest.runStateChanges.firstPause
                }
                return result
            }
        } catch {
            throw error.with(failureToResume: resumeFailure)
        }
    }

    /// Turns background snapshots on, which QEMU refuses if it cannot protect the RAM.
    private mutating func changeSettings() throws(SnapError) {
        do throws(SnapError) { try connection.changeSettings() } catch {
            guard error.code == .inputOutput, error.message.contains("ackground-snapshot") else {
                throw error
            }
            throw SnapError(
                .unsupported, error.message, path: error.path,
                hint: error.message.contains("memory")
                    ? "put the RAM into private memory, a memfd or a file on tmpfs; or save "
                        + "without --live"
                    : "set the sysctl vm.unprivileged_userfaultfd to 1, or give QEMU's user access "
                        + "to /dev/userfaultfd (not enough for QEMU 7.2); or save without --live")
        }
    }

    // MARK: Reading

    private mutating func readStream(
        resumes: Bool, _ progress: WorkProgress
    ) throws(SnapError) -> (StreamContent, [MemoryImage]) {
        let stream = try startMigration()
        var arrival = StreamArrival()
        arrival.deadline = .now + connection.timeouts.pause
        arrival.silenceMax = timeout
        arrival.report = { [drain] in drain?.reportRead() }
        progress.begin(.reading, of: nil)
        let result: (StreamContent, [MemoryImage])
        do throws(SnapError) {
            result = try StreamReader(
                .pipe(stream), scratch: connection.directory, stagesRAM: true, arrival: arrival,
                keptByteCountMax: deviceStateByteCountMax, progress: progress
            ).read { () throws(SnapError) in
                // The pages of the RAM follow only after QEMU has protected it.
                if resumes { try connection.guest.postResume() }
            }
        } catch {
            let isCause = error.code != .interrupted && !error.isNoSpace
            throw isCause && drain?.isOverdue ?? false ? noProgress : error
        }
        connection.guest.deadline = .now + connection.timeouts.deviceState
        try connection.guest.finishMigration()
        let isComplete = drain?.finish(within: connection.timeouts.settings) ?? false
        drain = nil
        guard isComplete else { throw noProgress }
        return result
    }

    private var noProgress: SnapError {
        SnapError(
            .inputOutput,
            "snap received nothing of the guest's memory for \(timeout.components.seconds) s",
            path: connection.socket, hint: "use --live-timeout to wait longer")
    }

    /// Makes QEMU write its stream to a socket, and returns the reading end.
    ///
    /// Only QEMU holds the writing end, so the stream ends when QEMU has written everything.
    private mutating func startMigration() throws(SnapError) -> SharedFile {
        let (reading, writing) = try SocketPair.create(
            connection.socket, connection.directory.calls)
        drain = try StreamDrain(of: reading, timeout: timeout)
        try connection.guest.pass(writing)
        try connection.guest.startMigration()
        return reading
    }

    // MARK: Ending

    /// libvirt's description of the guest; nil for a guest that it does not manage.
    package var domain: DomainDescription? { connection.domain }

    /// The snapshots of drives that were taken.
    package var diskSnapshots: [DiskSnapshot] { connection.diskSnapshots }

    /// Ends the work on snapshots of drives: keeps them, or deletes them after a failed save.
    ///
    /// - Parameters:
    ///   - isSaved: Whether the checkpoint is saved.
    ///   - warn: Receives what cannot be deleted.
    package mutating func finishDiskSnapshots(
        isSaved: Bool, _ warn: (SnapError) -> Void
    ) {
        connection.finishDiskSnapshots(isSaved: isSaved, warn)
    }

    private mutating func end() {
        do throws(SnapError) { try endMigration() } catch { resumeFailure = error }
        do throws(SnapError) { try connection.end() } catch { resumeFailure = error }
    }

    /// Ends a migration that QEMU has not completed, and decides whether to resume the guest.
    private mutating func endMigration() throws(SnapError) {
        defer { decideToResume() }
        guard let drain else { return }
        connection.guest.beginUndoing(within: connection.timeouts.cancellation)
        if canCancel { try connection.guest.cancelMigration() }
        _ = drain.finish(within: connection.timeouts.cancellation)
        self.drain = nil
        connection.guest.beginUndoing(within: connection.timeouts.settings)
        try connection.guest.waitForMigration()
    }

    /// Decides by the events of QEMU whether to resume the guest.
    private mutating func decideToResume() {
        let wasRunning = connection.wasRunning
        try? connection.guest.awaitRunStateChanges { changes, isRunning in
            (changes.last?.isRunning ?? wasRunning) == isRunning
        }
        let changes = connection.guest.runStateChanges
        if changes.firstPause != nil {
            // The guest has run again. If it is stopped now, its owner has stopped it.
            connection.mustResume = false
        } else if let last = changes.last, !last.isRunning {
            // QEMU may not have come to the point at which it resumes the guest.
            connection.mustResume = true
        }
    }
}
