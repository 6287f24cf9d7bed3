// QEMUMonitor
//
// A conversation with a running QEMU over QMP: pause, device state, the files of its RAM, resume.
// It imports SnapSystem and GuestMemory, and decides nothing: when to pause is LiveGuest's. Start
// here; `QMPClient` speaks the protocol.

import GuestMemory
package import SnapSystem
package import SystemPackage

/// A guest under a running QEMU, as far as a checkpoint needs it.
package struct QEMUGuest: ~Copyable {
    private struct Status: Decodable {
        let status: String
        let running: Bool
    }

    private struct Child: Decodable {
        let name: String
        let type: String
    }

    private struct Property: Encodable {
        let path: String
        let property: String
    }

    private struct Place: Encodable {
        let path: String
    }

    private struct Migration: Decodable {
        enum CodingKeys: String, CodingKey {
            case status
            case reason = "error-desc"
            case time = "total-time"
            case ram
        }
        let status: String?
        let reason: String?
        let time: UInt64?
        let ram: TransferredRAM?
    }

    private struct TransferredRAM: Decodable {
        let transferred: UInt64?
    }

    private struct Descriptor: Encodable {
        let fdname: String
    }

    private struct Target: Encodable {
        let uri: String
    }

    /// A file behind some of the guest's RAM.
    package struct Backend: Sendable, Equatable {
        /// The backend's id, which is the RAM block's name, or the last part of it.
        package let name: String
        /// Where it is.
        package let path: FilePath
        /// How many bytes of RAM QEMU has in it, from the file's start.
        package let byteCount: Int
    }

    /// What tells a migration that is over from another.
    package struct MigrationTrace: Codable, Sendable, Equatable {
        let milliseconds: UInt64?
        let byteCount: UInt64?
    }

    private var client: QMPClient

    /// The name of the descriptor that QEMU is given.
    private static let descriptorName = "snap-device-state"
    private static let fileBackend = "child<memory-backend-file>"
    private static let backendPrefix = "child<memory-backend-"
    /// The most bytes of a path, with a 0 behind them (PATH_MAX).
    private static let pathByteCountMax = 4095
    /// The most bytes of a RAM block's name, in QEMU's stream.
    private static let nameByteCountMax = 255

    /// Connects to QEMU.
    ///
    /// - Parameters:
    ///   - path: The QMP socket.
    ///   - timeout: How long to wait for another client to leave.
    ///   - calls: The system calls.
    /// - Throws: As `QMPClient.connect`.
    package init(
        _ path: FilePath, timeout: Duration, _ calls: SystemCalls
    ) throws(SnapError) {
        client = try QMPClient.connect(to: path, timeout: timeout, calls)
    }

    /// Who listens at the socket: QEMU, or who says so.
    package var peer: MonitorPeer { client.peer }

    /// When QEMU has to have done what is under way; some minutes after the connection at first.
    package var deadline: ContinuousClock.Instant {
        get { client.deadline }
        set { client.deadline = newValue }
    }

    /// Undoes something: signals change nothing from now on.
    ///
    /// - Parameter timeout: How long QEMU may take.
    package mutating func beginUndoing(within timeout: Duration) {
        client.deadline = .now + timeout
        client.ignoresInterruption = true
    }

    /// The guest's state as QEMU names it.
    ///
    /// - Throws: As `QMPClient.ask`.
    package mutating func status() throws(SnapError) -> (name: String, isRunning: Bool) {
        let status: Status = try client.ask("query-status")
        return (status.status.shortened(), status.running)
    }

    /// Pauses the guest.
    ///
    /// - Throws: As `QMPClient.execute`.
    package mutating func stop() throws(SnapError) {
        try client.execute("stop", QMPClient.Nothing())
    }

    /// Resumes the guest.
    ///
    /// - Throws: As `QMPClient.execute`.
    package mutating func resume() throws(SnapError) {
        try client.execute("cont", QMPClient.Nothing())
    }

    /// The files that QEMU shares the guest's RAM through.
    ///
    /// - Throws: `.unsupported` if there are none, and what `QMPClient.ask` throws.
    package mutating func backends() throws(SnapError) -> [Backend] {
        let children: [Child] = try client.ask("qom-list", Place(path: "/objects"))
        var backends: [Backend] = []
        for child in children where child.type.hasPrefix(Self.backendPrefix) {
            guard child.name.utf8.count <= Self.nameByteCountMax else {
                throw SnapError(
                    .unsupported,
                    "name of RAM \(child.name.shortened()) has more than "
                        + "\(Self.nameByteCountMax) bytes", path: client.path)
            }
            let object = "/objects/\(child.name)"
            let isShared: Bool = try client.ask(
                "qom-get", Property(path: object, property: "share"))
            // What is not shared is in the stream.
            guard isShared else { continue }
            guard child.type == Self.fileBackend else {
                throw SnapError(
                    .unsupported, "RAM \(child.name) is shared, and in no file that has a name",
                    path: client.path, hint: "-object memory-backend-file puts it into one")
            }
            let path: String = try client.ask(
                "qom-get", Property(path: object, property: "mem-path"))
            // JSON has no other way to say bytes that are not UTF-8.
            guard !path.contains("\u{fffd}") else {
                throw SnapError(
                    .unsupported, "the file of RAM \(child.name) has a name that is not UTF-8",
                    path: client.path)
            }
            guard !path.utf8.contains(0), path.utf8.count <= Self.pathByteCountMax else {
                throw SnapError(
                    .unsupported, "the file of RAM \(child.name) has a name that no file can have",
                    path: client.path)
            }
            let byteCount: Int = try client.ask(
                "qom-get", Property(path: object, property: "size"))
            backends.append(
                Backend(
                    name: child.name, path: resolved(FilePath(path)), byteCount: byteCount))
        }
        guard !backends.isEmpty else {
            throw SnapError(
                .unsupported, "no RAM of this guest is in a shared file", path: client.path,
                hint: "-object memory-backend-file,share=on puts it there; without, "
                    + "migrate \"exec:snap save - --guest NAME\" saves it")
        }
        return backends
    }

    /// A path as QEMU means it, which may be in another directory than snap.
    private func resolved(_ path: FilePath) -> FilePath {
        guard path.isRelative, let directory = peer.process.workingDirectory else { return path }
        return directory.appending(path.components)
    }

    /// Waits a moment before QEMU is asked again.
    ///
    /// - Throws: `.interrupted` or `.inputOutput`.
    package mutating func waitBriefly() throws(SnapError) {
        try client.waitBriefly()
    }

    // MARK: Device state

    /// Whether a migration is under way.
    ///
    /// - Throws: As `QMPClient.ask`.
    package mutating func isMigrating() throws(SnapError) -> Bool {
        let migration: Migration = try client.ask("query-migrate")
        let ended = ["none", "completed", "failed", "cancelled"]
        return migration.status.map { !ended.contains($0) } ?? false
    }

    /// Has the device state written into a pipe.
    ///
    /// - Parameter writing: The pipe's writing end, of which QEMU gets a descriptor of its own.
    /// - Throws: As `QMPClient.execute`.
    package mutating func startDeviceState(into writing: SharedFile) throws(SnapError) {
        try client.execute(
            "getfd", Descriptor(fdname: Self.descriptorName), passing: writing.file)
        try client.execute("migrate", Target(uri: "fd:\(Self.descriptorName)"))
    }

    /// Waits until the migration whose bytes have all been read is over.
    ///
    /// - Throws: `.inputOutput` if it failed, `.busy` if it does not end, and what
    ///   `QMPClient.ask` throws.
    package mutating func finishDeviceState() throws(SnapError) {
        try waitForMigration()
        let migration: Migration = try client.ask("query-migrate")
        guard migration.status == "completed" else {
            throw SnapError(
                .inputOutput,
                "QEMU's migration ended as \((migration.status ?? "nothing").shortened()): "
                    + (migration.reason ?? "no reason is given").shortened(), path: client.path)
        }
    }

    /// What is known of the migration that ended last.
    ///
    /// - Throws: As `QMPClient.ask`.
    package mutating func lastMigration() throws(SnapError) -> MigrationTrace {
        let migration: Migration = try client.ask("query-migrate")
        return MigrationTrace(
            milliseconds: migration.time, byteCount: migration.ram?.transferred)
    }

    /// Ends a migration that has not ended.
    ///
    /// - Throws: As `QMPClient.execute`, and `.busy` if it does not end.
    package mutating func cancelMigration() throws(SnapError) {
        guard try isMigrating() else { return }
        try client.execute("migrate_cancel", QMPClient.Nothing())
        try waitForMigration()
    }

    private mutating func waitForMigration() throws(SnapError) {
        while try isMigrating() {
            guard ContinuousClock.now < deadline else {
                throw SnapError(.busy, "QEMU's migration does not end", path: client.path)
            }
            try client.waitBriefly()
        }
    }

    // MARK: Settings

    /// Changes how QEMU migrates.
    ///
    /// - Parameter settings: What to set.
    /// - Throws: As `QMPClient.execute`.
    package mutating func apply(_ settings: MigrationSettings) throws(SnapError) {
        try client.execute("migrate-set-parameters", settings.parameters)
        if settings.capabilities.isEmpty { return }
        try client.execute("migrate-set-capabilities", settings.request)
    }

    /// How QEMU migrates.
    ///
    /// - Throws: As `QMPClient.ask`.
    package mutating func settings() throws(SnapError) -> MigrationSettings {
        MigrationSettings(
            try client.ask("query-migrate-capabilities"), try client.ask("query-migrate-parameters")
        )
    }
}
