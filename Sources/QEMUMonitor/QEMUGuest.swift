// QEMUMonitor
//
// A QMP connection to a running QEMU: pausing, device state, the files of the RAM, resuming. It
// imports SnapSystem and GuestMemory. It makes no decisions: LiveGuest decides when to pause. Start
// here; `QMPClient` implements the protocol.

import GuestMemory
package import SnapSystem
package import SystemPackage

/// A guest of a running QEMU, with the operations that a checkpoint needs.
package struct QEMUGuest: ~Copyable {
    private struct Status: Decodable {
        let status: String
        let running: Bool
    }

    private struct Version: Decodable {
        struct Numbers: Decodable {
            let major: Int
            let minor: Int
        }
        let qemu: Numbers
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

    /// A memory backend: a file that contains RAM of the guest.
    package struct Backend: Sendable, Equatable {
        /// The backend's id, which is the RAM block's name or the last part of it.
        package let name: String
        /// The file's path, absolute if QEMU's working directory can be seen.
        package let path: FilePath
        /// The length of the RAM in bytes, which starts at the file's start.
        package let byteCount: Int
    }

    /// The properties that distinguish a migration that has ended from others.
    package struct MigrationTrace: Codable, Sendable, Equatable {
        let milliseconds: UInt64?
        let byteCount: UInt64?
    }

    var client: QMPClient

    /// QEMU's name for the descriptor that snap passes to it.
    private static let descriptorName = "snap-migration"
    private static let fileBackend = "child<memory-backend-file>"
    private static let backendPrefix = "child<memory-backend-"
    /// The length limit of a path in bytes, without the 0 at its end (PATH_MAX).
    private static let pathByteCountMax = 4095
    /// The length limit of a RAM block's name in QEMU's stream, in bytes.
    private static let nameByteCountMax = 255

    /// Connects to QEMU.
    ///
    /// - Parameters:
    ///   - path: The QMP socket.
    ///   - timeout: How long to wait until another client disconnects.
    ///   - calls: The system calls.
    /// - Throws: As `QMPClient.connect`.
    package init(
        _ path: FilePath, timeout: Duration, _ calls: SystemCalls
    ) throws(SnapError) {
        client = try QMPClient.connect(to: path, timeout: timeout, calls)
    }

    /// The process that listens at the socket: QEMU, or one that claims to be QEMU.
    package var peer: MonitorPeer { client.peer }

    /// When QEMU must have completed the current operation; at first 2 minutes after connecting.
    package var deadline: ContinuousClock.Instant {
        get { client.deadline }
        set { client.deadline = newValue }
    }

    /// Starts to undo changes: sets a new deadline, and ignores signals from now on.
    ///
    /// - Parameter timeout: The time from now to the deadline.
    package mutating func beginUndoing(within timeout: Duration) {
        client.deadline = .now + timeout
        client.ignoresInterruption = true
    }

    /// Queries the guest's state.
    ///
    /// - Returns: QEMU's name of the state, and whether the guest is running.
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

    /// Resumes the guest without waiting for QEMU's reply.
    ///
    /// The caller must read QEMU's stream in the meantime: QEMU's main thread may write to the
    /// guest's memory, which a background snapshot delays until the page has been sent.
    ///
    /// - Throws: As `LocalSocket.send`.
    package mutating func postResume() throws(SnapError) {
        try client.post("cont", QMPClient.Nothing())
    }

    /// The times at which the guest has stopped and run again since `forgetRunStateChanges`, up to
    /// QEMU's last reply.
    package var runStateChanges: [RunStateChange] { client.runStateChanges }

    /// Forgets when the guest has stopped and run again.
    package mutating func forgetRunStateChanges() { client.forgetRunStateChanges() }

    /// Queries QEMU's version.
    ///
    /// - Returns: The numbers of the major and the minor version.
    /// - Throws: As `QMPClient.ask`.
    package mutating func version() throws(SnapError) -> (major: Int, minor: Int) {
        let version: Version = try client.ask("query-version")
        return (version.qemu.major, version.qemu.minor)
    }

    /// Finds the files through which QEMU shares the guest's RAM.
    ///
    /// - Returns: The memory backends that are shared, at least one.
    /// - Throws: `.unsupported` if no backend is shared, or if one has no file or a file name that
    ///   snap cannot use; and what `QMPClient.ask` throws.
    package mutating func backends() throws(SnapError) -> [Backend] {
        let children: [Child] = try client.ask("qom-list", Place(path: "/objects"))
        var backends: [Backend] = []
        for child in children where child.type.hasPrefix(Self.backendPrefix) {
            guard child.name.utf8.count <= Self.nameByteCountMax else {
                throw SnapError(
                    .unsupported,
                    "name of memory backend \(child.name.shortened()) has more than "
                        + "\(Self.nameByteCountMax) bytes", path: client.path)
            }
            let object = "/objects/\(child.name)"
            let isShared: Bool = try client.ask(
                "qom-get", Property(path: object, property: "share"))
            // RAM that is not shared is in the stream.
            guard isShared else { continue }
            guard child.type == Self.fileBackend else {
                throw SnapError(
                    .unsupported, "RAM \(child.name) is shared, but not in a file with a name",
                    path: client.path, hint: "use -object memory-backend-file for it")
            }
            let path: String = try client.ask(
                "qom-get", Property(path: object, property: "mem-path"))
            // JSON cannot contain bytes that are not UTF-8. They become this character.
            guard !path.contains("\u{fffd}") else {
                throw SnapError(
                    .unsupported, "name of the file of RAM \(child.name) is not UTF-8",
                    path: client.path)
            }
            guard !path.utf8.contains(0), path.utf8.count <= Self.pathByteCountMax else {
                throw SnapError(
                    .unsupported, "name of the file of RAM \(child.name) is not a valid path",
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
                hint: "start QEMU with -object memory-backend-file,share=on; or save the guest "
                    + "with migrate \"exec:snap save - --guest NAME\" in QEMU's monitor")
        }
        return backends
    }

    /// Resolves a path relative to QEMU's working directory, which may be another one than snap's.
    private func resolved(_ path: FilePath) -> FilePath {
        guard path.isRelative, let directory = peer.process.workingDirectory else { return path }
        return directory.appending(path.components)
    }

    /// Waits 2 milliseconds before the caller queries QEMU again.
    ///
    /// - Throws: `.interrupted` or `.inputOutput`.
    package mutating func waitBriefly() throws(SnapError) {
        try client.waitBriefly()
    }

    // MARK: Migrations

    /// Checks whether a migration is in progress.
    ///
    /// - Returns: Whether a migration has started and not ended.
    /// - Throws: As `QMPClient.ask`.
    package mutating func isMigrating() throws(SnapError) -> Bool {
        let migration: Migration = try client.ask("query-migrate")
        let ended = ["none", "completed", "failed", "cancelled"]
        return migration.status.map { !ended.contains($0) } ?? false
    }

    /// Makes QEMU write the stream of a migration to a pipe or socket.
    ///
    /// - Parameter writing: The write end. QEMU gets its own descriptor of it, and closes that at
    ///   the end of the migration.
    /// - Throws: As `QMPClient.execute`.
    package mutating func startMigration(into writing: SharedFile) throws(SnapError) {
        let descriptor = Descriptor(fdname: Self.descriptorName)
        try client.execute("getfd", descriptor, passing: writing.file)
        do throws(SnapError) {
            try client.execute("migrate", Target(uri: "fd:\(Self.descriptorName)"))
        } catch {
            // QEMU keeps a descriptor that no migration has used.
            client.deadline = max(client.deadline, .now + .seconds(2))
            try? client.execute("closefd", descriptor)
            throw error
        }
    }

    /// Waits for the end of the migration whose bytes the caller has read completely.
    ///
    /// - Throws: `.inputOutput` if the migration failed; `.busy` if it does not end before the
    ///   deadline; and what `QMPClient.ask` throws.
    package mutating func finishMigration() throws(SnapError) {
        try waitForMigration()
        let migration: Migration = try client.ask("query-migrate")
        guard migration.status == "completed" else {
            throw SnapError(
                .inputOutput,
                "QEMU's migration ended as \((migration.status ?? "unknown").shortened()): "
                    + (migration.reason ?? "QEMU gives no reason").shortened(), path: client.path)
        }
    }

    /// Queries the last migration.
    ///
    /// - Returns: The properties that distinguish it from others.
    /// - Throws: As `QMPClient.ask`.
    package mutating func lastMigration() throws(SnapError) -> MigrationTrace {
        let migration: Migration = try client.ask("query-migrate")
        return MigrationTrace(
            milliseconds: migration.time, byteCount: migration.ram?.transferred)
    }

    /// Cancels a migration that is in progress, and waits for its end.
    ///
    /// - Throws: As `QMPClient.execute`, and `.busy` if it does not end before the deadline.
    package mutating func cancelMigration() throws(SnapError) {
        guard try isMigrating() else { return }
        try client.execute("migrate_cancel", QMPClient.Nothing())
        try waitForMigration()
    }

    /// Waits until no migration is in progress.
    ///
    /// - Throws: `.busy` if it does not end before the deadline; and what `QMPClient.ask` throws.
    package mutating func waitForMigration() throws(SnapError) {
        while try isMigrating() {
            guard ContinuousClock.now < deadline else {
                throw SnapError(
                    .busy, "QEMU did not end its migration within the timeout", path: client.path)
            }
            try client.waitBriefly()
        }
    }

    // MARK: Settings

    /// Changes QEMU's migration settings.
    ///
    /// - Parameter settings: The settings to apply. Other settings stay unchanged.
    /// - Throws: As `QMPClient.execute`.
    package mutating func apply(_ settings: MigrationSettings) throws(SnapError) {
        try client.execute("migrate-set-parameters", settings.parameters)
        if settings.capabilities.isEmpty { return }
        try client.execute("migrate-set-capabilities", settings.request)
    }

    /// Queries QEMU's migration settings.
    ///
    /// - Returns: The settings that a save may change.
    /// - Throws: As `QMPClient.ask`.
    package mutating func settings() throws(SnapError) -> MigrationSettings {
        MigrationSettings(
            try client.ask("query-migrate-capabilities"), try client.ask("query-migrate-parameters")
        )
    }
}
