// QEMUMonitor
//
// A QMP connection to a running QEMU: pausing, device state, the files of the RAM, resuming. It
// imports SnapSystem and GuestMemory. It makes no decisions: LiveGuest decides when to pause. Start
// here; `QMPClient` implements the protocol.

package import GuestMemory
package import SnapSystem

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

        var isInProgress: Bool {
            let ended = ["none", "completed", "failed", "cancelled"]
            return status.map { !ended.contains($0) } ?? false
        }

        var trace: MigrationTrace {
            MigrationTrace(milliseconds: time, byteCount: ram?.transferred)
        }
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

    /// The properties that distinguish a migration that has ended from others.
    package struct MigrationTrace: Codable, Sendable, Equatable {
        let milliseconds: UInt64?
        let byteCount: UInt64?
    }

    var client: QMPClient
    /// Whether QEMU has a descriptor for a migration that has not started.
    private var hasDescriptor = false
    /// What the user can do so that the RAM is in shared files.
    let sharingHint: String

    /// QEMU's name for the descriptor that snap passes to it.
    private static let descriptorName = "snap-migration"

    /// Connects to QEMU.
    ///
    /// - Parameters:
    ///   - address: The QMP socket or the domain.
    ///   - timeout: How long to wait until another client disconnects from the socket.
    ///   - calls: The system calls.
    /// - Throws: As `QMPClient.connect`.
    package init(
        _ address: GuestAddress, timeout: Duration, _ calls: SystemCalls
    ) throws(SnapError) {
        client = try QMPClient.connect(to: address, timeout: timeout, calls)
        sharingHint =
            switch address {
            case .socket: "start QEMU with -object memory-backend-file,share=on"
            case .domain:
                "add <memoryBacking><source type='memfd'/><access mode='shared'/>"
                    + "</memoryBacking> to the domain with virsh edit, and start it again"
            }
    }

    /// The process of QEMU, or one that claims to be QEMU.
    package var peer: MonitorPeer { client.peer }

    /// When QEMU must have completed the current operation; at first 2 minutes after connecting.
    package var deadline: ContinuousClock.Instant {
        get { client.deadline }
        set { client.deadline = newValue }
    }

    /// Starts to undo changes: sets a new deadline, and ignores signals from now on.
    ///
    /// - Parameter timeout: The time from now to the deadline; longer with libvirt.
    package mutating func beginUndoing(within timeout: Duration) {
        // libvirt waits 30 seconds for another operation on the domain, and snap for the command
        // before. A command that the process has not sent would be lost at its end.
        let delayMax = client.usesLibvirt ? Duration.seconds(90) : .zero
        client.deadline = .now + timeout + delayMax
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
    /// - Throws: As `QMPClient.post`.
    package mutating func postResume() throws(SnapError) {
        try client.post("cont", QMPClient.Nothing())
    }

    /// The times at which the guest has stopped and run again since `forgetRunStateChanges`, up to
    /// QEMU's last reply.
    package var runStateChanges: [RunStateChange] { client.runStateChanges }

    /// Waits up to a second for changes that QEMU has made before its last reply.
    ///
    /// Only libvirt reports an event later than that.
    ///
    /// - Parameter areComplete: Whether no change is missing; its parameters are the changes and
    ///   whether the guest runs now.
    /// - Throws: As `QMPClient.ask`.
    package mutating func awaitRunStateChanges(
        until areComplete: ([RunStateChange], _ isRunning: Bool) -> Bool
    ) throws(SnapError) {
        guard client.usesLibvirt else { return }
        let end = min(deadline, .now + .seconds(1))
        while try !areComplete(runStateChanges, status().isRunning), ContinuousClock.now < end {
            try client.waitBriefly()
        }
    }

    /// Forgets when the guest has stopped and run again.
    package mutating func forgetRunStateChanges() { client.forgetRunStateChanges() }

    /// Reads the description of the guest's domain.
    ///
    /// - Returns: libvirt's XML; nil for a guest that libvirt does not manage.
    /// - Throws: `.permission` or `.inputOutput`.
    package func domainDescription() throws(SnapError) -> [UInt8]? {
        try client.domainDescription()
    }

    /// Queries QEMU's version.
    ///
    /// - Returns: The numbers of the major and the minor version.
    /// - Throws: As `QMPClient.ask`.
    package mutating func version() throws(SnapError) -> (major: Int, minor: Int) {
        let version: Version = try client.ask("query-version")
        return (version.qemu.major, version.qemu.minor)
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
        return migration.isInProgress
    }

    /// Passes QEMU the descriptor of a pipe or socket for a migration that starts later.
    ///
    /// - Parameter writing: The write end. QEMU gets its own descriptor of it, and closes that at
    ///   the end of the migration.
    /// - Throws: As `QMPClient.execute`.
    package mutating func pass(_ writing: SharedFile) throws(SnapError) {
        try client.execute(
            "getfd", Descriptor(fdname: Self.descriptorName), passing: writing)
        hasDescriptor = true
    }

    /// Makes QEMU write the stream of a migration to the descriptor that it was passed.
    ///
    /// - Throws: As `QMPClient.execute`.
    package mutating func startMigration() throws(SnapError) {
        try client.execute("migrate", Target(uri: "fd:\(Self.descriptorName)"))
        hasDescriptor = false
    }

    /// Makes QEMU close a descriptor that no migration has used.
    package mutating func closeUnusedDescriptor() {
        guard hasDescriptor else { return }
        try? client.execute("closefd", Descriptor(fdname: Self.descriptorName))
        hasDescriptor = false
    }

    /// Waits for the end of the migration whose bytes the caller has read completely.
    ///
    /// - Returns: The properties that distinguish it from others.
    /// - Throws: `.inputOutput` if the migration failed; `.busy` if it does not end before the
    ///   deadline; and what `QMPClient.ask` throws.
    @discardableResult
    package mutating func finishMigration() throws(SnapError) -> MigrationTrace {
        let migration = try migrationAtEnd()
        guard migration.status == "completed" else {
            throw SnapError(
                .inputOutput,
                "QEMU's migration ended as \((migration.status ?? "unknown").shortened()): "
                    + (migration.reason ?? "QEMU gives no reason").shortened(), path: client.path)
        }
        return migration.trace
    }

    /// Queries the last migration.
    ///
    /// - Returns: The properties that distinguish it from others.
    /// - Throws: As `QMPClient.ask`.
    package mutating func lastMigration() throws(SnapError) -> MigrationTrace {
        let migration: Migration = try client.ask("query-migrate")
        return migration.trace
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
    package mutating func waitForMigration() throws(SnapError) { _ = try migrationAtEnd() }

    private mutating func migrationAtEnd() throws(SnapError) -> Migration {
        while true {
            let migration: Migration = try client.ask("query-migrate")
            if !migration.isInProgress { return migration }
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

    /// Changes QEMU's migration capabilities without waiting for QEMU's reply.
    ///
    /// - Parameter settings: The capabilities to set. The parameters are ignored.
    /// - Throws: As `QMPClient.post`.
    package mutating func postCapabilities(of settings: MigrationSettings) throws(SnapError) {
        if settings.capabilities.isEmpty { return }
        try client.post("migrate-set-capabilities", settings.request)
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
