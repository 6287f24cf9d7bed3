// LiveGuest
//
// A guest of a running QEMU that snap can save: paused while snap reads the files of its RAM
// (`PausableGuest`), or by a background snapshot while it runs on (`BackgroundSnapshot`). Both undo
// their changes through a `GuestConnection`. It imports QEMUMonitor and MigrationStream, and does
// not know stores. Start at `PausableGuest.whilePaused`.

package import GuestMemory
import MigrationStream
import QEMUMonitor
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A running guest that is paused while its memory is read, and resumed on success and on failure.
///
///     connect ─ open RAM │ write marker ─ change settings ─ stop ─ tasks ─ device state ─
///     restore capabilities ─ pages ─ cont ─ check settings ─ delete marker │
///
/// A guest that was already paused is not resumed. QEMU then reports it as `postmigrate`, and does
/// not save its device state again until it has run.
package struct PausableGuest: ~Copyable {
    private var connection: GuestConnection
    /// The guest's RAM, one image per file that QEMU names.
    package let images: [MemoryImage]
    /// Why the guest could not be resumed, QEMU's settings could not be restored, or the marker
    /// could not be deleted; nil if all succeeded.
    ///
    /// The message can follow "snap".
    package private(set) var resumeFailure: SnapError?
    /// The length limit of the device state in bytes.
    package var deviceStateByteCountMax = StreamReader.defaultKeptByteCountMax

    /// Opens the RAM of a guest.
    ///
    /// - Parameters:
    ///   - connection: The connection to the guest.
    ///   - context: The context of the operation.
    /// - Throws: `.mismatch` if a file does not match QEMU's RAM; `.notFound`, `.permission`,
    ///   `.unsupported`, `.inputOutput` or `.interrupted`.
    package init(
        _ connection: consuming GuestConnection, _ context: WorkContext
    ) throws(SnapError) {
        guard connection.settingsBefore.canIgnoreShared else {
            throw SnapError(
                .unsupported,
                "QEMU lacks the capability x-ignore-shared, expected QEMU 4.0 or later",
                path: connection.socket)
        }
        images = try Self.openImages(of: &connection.guest, context)
        self.connection = connection
    }

    /// What error messages name: the path of the QMP socket, or the domain.
    package var socket: FilePath { connection.socket }

    /// How long the guest was paused; nil during the pause, and if the guest was already paused.
    package var pauseDuration: Duration? { connection.pauseDuration }

    private static func openImages(
        of guest: inout QEMUGuest, _ context: WorkContext
    ) throws(SnapError) -> [MemoryImage] {
        let backends = try guest.backends()
        let access = try MemoryFileAccess(to: backends, namedBy: guest.peer, context)
        var images: [MemoryImage] = []
        for backend in backends {
            let file = try access.open(backend)
            let byteCount = try file.status().byteCount
            guard byteCount == backend.byteCount else {
                throw SnapError(
                    .mismatch,
                    "length is \(byteCount) bytes, expected \(backend.byteCount), the length of "
                        + "RAM \(backend.name) in QEMU", path: file.path,
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
    /// - Parameters:
    ///   - tasks: What to do first, while the guest is paused.
    ///   - body: Reads the memory, until the deadline that it gets.
    /// - Returns: The result of `body`.
    /// - Throws: `.busy` if the guest is neither running nor paused; `.inputOutput` if QEMU or a
    ///   task fails; what `StreamReader` throws, and what `body` throws.
    package mutating func whilePaused<Result: ~Copyable>(
        _ tasks: PauseTasks,
        _ body: (
            PausedState, _ deadline: ContinuousClock.Instant
        ) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        do throws(SnapError) {
            return try Interruption.deferring { () throws(SnapError) in
                defer { endPause() }
                connection.guest.deadline = .now + connection.timeouts.deviceState
                let isRunning = try connection.checkState()
                try connection.begin(.deviceState, stops: isRunning)
                try connection.changeSettings()
                let pipe = try preparePipe()
                if isRunning { try connection.stop() }
                try connection.run(tasks)
                connection.guest.deadline = .now + connection.timeouts.deviceState
                let deadline = ContinuousClock.now + connection.timeouts.pause
                let state = PausedState(
                    devices: try readDeviceState(from: pipe),
                    diskSnapshots: connection.diskSnapshots, domain: connection.domain)
                return try body(state, deadline)
            }
        } catch {
            throw error.with(failureToResume: resumeFailure)
        }
    }

    private mutating func readDeviceState(
        from pipe: SharedFile
    ) throws(SnapError) -> StreamContent {
        try connection.guest.startMigration()
        var arrival = StreamArrival()
        arrival.deadline = connection.guest.deadline
        let (stream, _) = try StreamReader(
            .pipe(pipe), scratch: connection.directory, stagesRAM: false, arrival: arrival,
            keptByteCountMax: deviceStateByteCountMax
        ).read()
        try connection.record(try connection.guest.finishMigration())
        try connection.postCapabilities()
        return stream
    }

    /// Passes QEMU the write end of a pipe for the device state, and returns the read end.
    ///
    /// Only QEMU holds the write end, so the pipe ends when QEMU has written everything.
    private mutating func preparePipe() throws(SnapError) -> SharedFile {
        let (reading, writing) = try Pipe.create(connection.socket, connection.directory.calls)
        try connection.guest.pass(writing)
        return reading
    }

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

    private mutating func endPause() {
        do throws(SnapError) { try connection.end() } catch { resumeFailure = error }
    }
}
