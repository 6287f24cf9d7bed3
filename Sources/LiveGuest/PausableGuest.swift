// LiveGuest
//
// A guest of a running QEMU that snap can save: paused while snap reads the files of its RAM
// (`PausableGuest`), or by a background snapshot while it runs on (`BackgroundSnapshot`). Both undo
// their changes through a `GuestConnection`. It imports QEMUMonitor and MigrationStream, and does
// not know stores. Start at `PausableGuest.whilePaused`.

package import GuestMemory
package import MigrationStream
import QEMUMonitor
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A running guest that is paused while its memory is read, and resumed on success and on failure.
///
///     connect ─ open RAM │ write marker ─ stop ─ tasks ─ device state ─ pages ─ cont ─
///     delete marker │
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

    /// The path of the QMP socket.
    package var socket: FilePath { connection.socket }

    /// How long the guest was paused; nil during the pause, and if the guest was already paused.
    package var pauseDuration: Duration? { connection.pauseDuration }

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
    /// - Parameters:
    ///   - tasks: What to do first, while the guest is paused.
    ///   - body: Reads the memory. Its parameters are the device state, with the RAM that is not in
    ///     a file; the snapshots of disks; and the time by which it must have read the other RAM.
    /// - Returns: The result of `body`.
    /// - Throws: `.busy` if the guest is neither running nor paused; `.inputOutput` if QEMU or a
    ///   task fails; what `StreamReader` throws, and what `body` throws.
    package mutating func whilePaused<Result: ~Copyable>(
        _ tasks: PauseTasks,
        _ body: (
            StreamContent, [DiskSnapshot], _ deadline: ContinuousClock.Instant
        ) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        do throws(SnapError) {
            return try Interruption.deferring { () throws(SnapError) in
                defer { endPause() }
                connection.guest.deadline = .now + connection.timeouts.deviceState
                let isRunning = try connection.checkState()
                try connection.begin(.deviceState, stops: isRunning)
                if isRunning { try connection.stop() }
                try connection.run(tasks)
                connection.guest.deadline = .now + connection.timeouts.deviceState
                let deadline = ContinuousClock.now + connection.timeouts.pause
                return try body(try readDeviceState(), connection.diskSnapshots, deadline)
            }
        } catch {
            throw error.with(failureToResume: resumeFailure)
        }
    }

    private mutating func readDeviceState() throws(SnapError) -> StreamContent {
        try connection.changeSettings()
        let pipe = try startMigration()
        var arrival = StreamArrival()
        arrival.deadline = connection.guest.deadline
        let (stream, _) = try StreamReader(
            pipe, scratch: connection.directory, stagesRAM: false, arrival: arrival,
            keptByteCountMax: deviceStateByteCountMax
        ).read()
        try connection.guest.finishMigration()
        try connection.recordMigration()
        try connection.restoreSettings()
        return stream
    }

    /// Makes QEMU write its device state to a pipe, and returns the read end.
    ///
    /// Only QEMU holds the write end, so the pipe ends when QEMU has written everything.
    private mutating func startMigration() throws(SnapError) -> SharedFile {
        let (reading, writing) = try Pipe.create(connection.socket, connection.directory.calls)
        try connection.guest.startMigration(into: writing)
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
