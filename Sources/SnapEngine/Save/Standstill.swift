import GuestMemory
import MigrationStream
import QEMUMonitor
import SnapSystem
import SystemPackage

/// A running guest that is held while its memory is read, and let go whatever happens.
///
///     connect ─ what a dead save left ─ open RAM │ marker ─ stop ─ device state ─ pages ─ cont ─
///     marker gone │
///
/// A guest that was paused before is not let go. QEMU calls it `postmigrate` afterwards, and saves
/// no device state of it again before it has run.
struct Standstill: ~Copyable {
    private var guest: RunningGuest
    /// The QMP socket.
    let socket: FilePath
    private let directory: Directory
    private let settings: MigrationSettings
    /// The RAM, in the files that QEMU names.
    let images: [MemoryImage]
    private var isStopped = false
    private var areSettingsChanged = false
    private var start = ContinuousClock.now
    /// How long the guest stood still; nil while it does, and if it was paused before.
    private(set) var duration: Duration?

    /// How long QEMU may refuse to let the guest go on, being busy with a migration's end.
    private static let resumePatience = Duration.seconds(30)

    /// Connects to the guest, settles what a save that died has left, and opens the RAM.
    ///
    /// - Parameters:
    ///   - socket: The QMP socket.
    ///   - save: What the user wants.
    ///   - directory: The guest's directory.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: `.notFound`, `.permission`; `.busy` if another client or a migration is in the
    ///   way, or a dead save holds the guest; `.unsupported`; `.inputOutput`, `.interrupted`.
    init(
        _ socket: FilePath, _ save: Save, _ directory: Directory, warn: (SnapError) -> Void
    ) throws(SnapError) {
        let calls = directory.calls
        var guest = try RunningGuest(socket, patience: save.patience, calls)
        try Self.settle(&guest, socket, directory, resumes: save.resumesStale, warn: warn)
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
        var images: [MemoryImage] = []
        for backend in try guest.backends() {
            images.append(try MemoryImage(raw: backend.path, name: backend.name, calls))
        }
        self.settings = settings
        self.images = images
        self.guest = guest
        self.socket = socket
        self.directory = directory
    }

    /// Looks for the marker of a save that did not end.
    private static func settle(
        _ guest: inout RunningGuest, _ socket: FilePath, _ directory: Directory, resumes: Bool,
        warn: (SnapError) -> Void
    ) throws(SnapError) {
        guard let marker = try StandstillMarker.read(in: directory) else { return }
        // Another QEMU has not been stopped by anyone we know.
        if marker.process == guest.process && marker.socket == socket.string {
            let status = try guest.status()
            guard status.isRunning || resumes else {
                throw SnapError(
                    .busy,
                    "guest is \(status.name) since a save that did not end, of \(marker.since)",
                    path: socket, hint: "--resume-stale lets it go on before it is saved")
            }
            try guest.cancelMigration()
            try guest.apply(marker.settings.toPutBack)
            if !status.isRunning {
                try resume(&guest)
                warn(
                    SnapError(
                        .busy, "guest was \(status.name) since \(marker.since), and goes on now",
                        path: socket))
            }
        }
        try StandstillMarker.remove(in: directory)
    }

    // MARK: Holding

    /// Stops the guest, unless it is paused already.
    ///
    /// On failure, too, `end` must be called.
    ///
    /// - Throws: What marking and stopping it throws.
    mutating func begin() throws(SnapError) {
        guard try guest.status().isRunning else { return }
        try StandstillMarker(
            process: guest.process, socket: socket.string, since: Timestamp.now.rfc3339,
            settings: settings
        ).write(in: directory)
        isStopped = true
        start = .now
        try guest.stop()
    }

    /// Reads the guest's device state and whatever RAM is in no file.
    ///
    /// On failure, too, `end` must be called.
    ///
    /// - Returns: What the stream holds.
    /// - Throws: `.inputOutput` if QEMU fails, and what reading a stream throws.
    mutating func readDeviceState() throws(SnapError) -> StreamContent {
        areSettingsChanged = true
        try guest.apply(settings.forDeviceState)
        let (stream, _) = try StreamReader(
            try startDeviceState(), scratch: directory, stagesRAM: false
        ).read()
        try guest.finishDeviceState()
        try putSettingsBack()
        return stream
    }

    /// The end of a pipe that QEMU writes into, and nobody else, so that QEMU's end is its end.
    private mutating func startDeviceState() throws(SnapError) -> SharedFile {
        let (reading, writing) = try Pipe.make(socket, directory.calls)
        try guest.startDeviceState(into: writing)
        return reading
    }

    private mutating func putSettingsBack() throws(SnapError) {
        guard areSettingsChanged else { return }
        try guest.apply(settings.toPutBack)
        areSettingsChanged = false
    }

    /// Lets the guest go on, if it was running, and leaves QEMU as it was.
    ///
    /// A signal does not keep it from doing so.
    ///
    /// - Throws: What QEMU says if it refuses; the guest stands still then, and the marker is
    ///   there.
    mutating func end() throws(SnapError) {
        guest.endures = true
        var failure: SnapError?
        if areSettingsChanged {
            do throws(SnapError) {
                try guest.cancelMigration()
                try putSettingsBack()
            } catch { failure = error }
        }
        if isStopped {
            do throws(SnapError) { try Self.resume(&guest) } catch {
                throw SnapError(
                    error.code, "guest cannot be let go: \(error.message)", path: socket,
                    hint: "cont in QEMU's monitor, or the next snap save with --resume-stale")
            }
            duration = ContinuousClock.now - start
            isStopped = false
        }
        if let failure {
            throw SnapError(
                failure.code, "guest's QEMU migrates otherwise than before: \(failure.message)",
                path: socket)
        }
        try StandstillMarker.remove(in: directory)
    }

    private static func resume(_ guest: inout RunningGuest) throws(SnapError) {
        let deadline = ContinuousClock.now + resumePatience
        while true {
            do throws(SnapError) { return try guest.resume() } catch {
                guard error.code == .inputOutput, ContinuousClock.now < deadline,
                    try !guest.status().isRunning
                else { throw error }
                try guest.pause()
            }
        }
    }
}
