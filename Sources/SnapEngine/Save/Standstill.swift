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
    /// What is in the guest's directory; nil if nothing has been changed.
    private var marker: StandstillMarker?
    private var areSettingsChanged = false
    private var start = ContinuousClock.now
    /// How long the guest stood still; nil while it does, and if it was paused before.
    private(set) var duration: Duration?

    /// How long QEMU may send nothing of its device state.
    private static let streamPatience = Duration.seconds(60)
    /// How long to try to resume the guest and to put QEMU's settings back.
    private static let undoPatience = Duration.seconds(30)
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
    ///   way, or a dead save holds the guest; `.mismatch` if a file is not the RAM that QEMU has;
    ///   `.unsupported`; `.inputOutput`, `.interrupted`.
    init(
        _ socket: FilePath, _ save: Save, _ directory: Directory, warn: (SnapError) -> Void
    ) throws(SnapError) {
        var guest = try RunningGuest(socket, patience: save.patience, directory.calls)
        let stale = StaleStandstill(socket: socket, directory: directory)
        try stale.settle(&guest, resumes: save.resumesStale, warn: warn)
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
        images = try Self.openImages(&guest, directory.calls, warn: warn)
        self.settings = settings
        self.guest = guest
        self.socket = socket
        self.directory = directory
    }

    private static func openImages(
        _ guest: inout RunningGuest, _ calls: SystemCalls, warn: (SnapError) -> Void
    ) throws(SnapError) -> [MemoryImage] {
        try ProcessIdentity.checkVisibility(calls)
        var images: [MemoryImage] = []
        for backend in try guest.backends() {
            let status = try Directory(backend.path, calls).status()
            guard status?.kind != .directory else {
                throw SnapError(
                    .unsupported, "is a directory, in which the RAM is in no file that has a name",
                    path: backend.path, hint: "mem-path names a file")
            }
            if let status, status.kind == .regular, status.byteCount != backend.byteCount {
                throw SnapError(
                    .mismatch,
                    "length is \(status.byteCount) bytes, QEMU has \(backend.byteCount) of RAM "
                        + "\(backend.name) in it", path: backend.path,
                    hint: status.byteCount > backend.byteCount
                        ? "truncate -s \(backend.byteCount) cuts off what QEMU does not use" : nil)
            }
            let image = try MemoryImage(raw: backend.path, name: backend.name, calls)
            switch guest.process.maps(inode: try image.inode(), calls) {
            case true?: break
            case false?:
                throw SnapError(
                    .mismatch, "is not the file that QEMU has in memory: it has been replaced",
                    path: backend.path)
            case nil:
                warn(
                    SnapError(
                        .permission,
                        "QEMU's memory map cannot be seen: that this is the file it has in "
                            + "memory is believed", path: backend.path))
            }
            images.append(image)
        }
        return images
    }

    // MARK: Holding

    /// Stops the guest, unless it is paused already.
    ///
    /// On failure, too, `end` must be called.
    ///
    /// - Throws: `.busy` if the guest is neither running nor paused, and what marking and stopping
    ///   it throws.
    mutating func begin() throws(SnapError) {
        let status = try guest.status()
        guard status.isRunning || status.name == "paused" else {
            throw SnapError(
                .busy, "guest is \(status.name), expected running or paused", path: socket,
                hint: status.name == "postmigrate"
                    ? "cont in QEMU's monitor lets it go on, if it does not run elsewhere" : nil)
        }
        let marker = StandstillMarker(
            process: guest.process, since: Timestamp.now.rfc3339, wasRunning: status.isRunning,
            settings: settings, saver: .current(directory.calls))
        try marker.write(in: directory)
        self.marker = marker
        guard status.isRunning else { return }
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
            try startDeviceState(), scratch: directory, stagesRAM: false,
            timeout: Self.streamPatience
        ).read()
        try guest.finishDeviceState()
        // If this process is killed from now on, the next knows whose migration it was.
        marker?.migration = try guest.lastMigration()
        try marker?.write(in: directory)
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
        try guest.apply(guest.settings().toPutBack(before: settings))
        areSettingsChanged = false
    }

    /// Lets the guest go on, if it was running, and leaves QEMU as it was.
    ///
    /// A signal does not keep it from doing so.
    ///
    /// - Throws: What QEMU says if it refuses; the guest stands still then, and the marker is
    ///   there.
    mutating func end() throws(SnapError) {
        guard let marker else { return }
        guest.undoDeadline = .now + Self.undoPatience
        var failure: SnapError?
        if areSettingsChanged {
            do throws(SnapError) {
                try guest.cancelMigration()
                try putSettingsBack()
            } catch { failure = error }
        }
        if marker.wasRunning {
            do throws(SnapError) { try Self.resume(&guest) } catch {
                throw SnapError(
                    error.code, "guest cannot be let go: \(error.message)", path: socket,
                    hint: "if QEMU is still there: the next snap save --resume-stale resumes it; "
                        + InterruptedSave.contHint)
            }
            duration = ContinuousClock.now - start
        }
        if let failure {
            throw SnapError(
                failure.code, "guest's QEMU migrates otherwise than before: \(failure.message)",
                path: socket)
        }
        self.marker = nil
        try StandstillMarker.remove(in: directory)
    }

    /// Lets a guest go on, as soon as QEMU does.
    ///
    /// - Parameter guest: The guest.
    /// - Throws: What QEMU says if it refuses for long.
    static func resume(_ guest: inout RunningGuest) throws(SnapError) {
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
