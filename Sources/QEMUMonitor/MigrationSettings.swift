/// QEMU's migration settings, as far as a save changes and restores them.
package struct MigrationSettings: Codable, Sendable, Equatable {
    /// A migration capability and its state.
    package struct Capability: Codable, Sendable, Equatable {
        /// QEMU's name of the capability.
        package let capability: String
        /// Whether the capability is on.
        package let state: Bool

        /// Creates a capability; the parameters are the properties.
        package init(capability: String, state: Bool) {
            self.capability = capability
            self.state = state
        }
    }

    /// The settings that are not capabilities.
    package struct Parameters: Codable, Sendable, Equatable {
        enum CodingKeys: String, CodingKey {
            case maxBandwidth = "max-bandwidth"
            case tlsCredentials = "tls-creds"
        }
        /// The bandwidth limit in bytes per second.
        package let maxBandwidth: UInt64
        /// The id of the TLS credentials; nil or empty if migrations are not encrypted.
        let tlsCredentials: String?

        /// Creates the settings; the parameters are the properties.
        package init(maxBandwidth: UInt64, tlsCredentials: String?) {
            self.maxBandwidth = maxBandwidth
            self.tlsCredentials = tlsCredentials
        }
    }

    struct Request: Encodable {
        let capabilities: [Capability]
    }

    /// All capabilities that a save may change, or only the ones to set.
    package let capabilities: [Capability]
    /// The settings that are not capabilities.
    package let parameters: Parameters

    /// The capability that omits RAM that QEMU shares with other processes.
    private static let ignoreShared = "x-ignore-shared"
    /// The capability to send the RAM of one instant while the guest runs on.
    private static let backgroundSnapshot = "background-snapshot"
    /// The capabilities that a save turns off, because they change what QEMU sends, or when.
    ///
    /// snap never sets another capability, regardless of what a peer or a marker names. The set
    /// excludes capabilities that do not change the stream of a stopped guest, or that must be the
    /// same in the destination: events, validate-uuid, late-block-activate.
    private static let turnedOff: Set<String> = [
        "auto-converge", "block", "compress", "dirty-bitmaps",
        "dirty-limit", "mapped-ram", "multifd", "pause-before-switchover", "postcopy-blocktime",
        "postcopy-preempt", "postcopy-ram", "rdma-pin-all", "release-ram", "return-path",
        "switchover-ack", "x-colo", "xbzrle", "zero-blocks", "zero-copy-send",
    ]
    /// The capabilities that a background snapshot excludes, in addition to those.
    private static let turnedOffForBackgroundSnapshot: Set<String> = [
        "late-block-activate", "validate-uuid",
    ]
    /// All capabilities that a save may change.
    private static let changeable = turnedOff.union(turnedOffForBackgroundSnapshot)
        .union([ignoreShared, backgroundSnapshot])
    /// The bandwidth for a save in bytes per second, which is no limit in practice.
    private static let bandwidthMax: UInt64 = 1 << 40

    /// Creates settings, without the capabilities that a save may not change.
    ///
    /// - Parameters:
    ///   - capabilities: All capabilities of QEMU, or only the ones to set.
    ///   - parameters: The settings that are not capabilities.
    package init(_ capabilities: [Capability], _ parameters: Parameters) {
        var names = Set<String>()
        self.capabilities = capabilities.filter {
            Self.changeable.contains($0.capability) && names.insert($0.capability).inserted
        }
        self.parameters = parameters
    }

    /// Decodes settings from a marker, without the capabilities that a save may not change.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            try container.decode([Capability].self, forKey: .capabilities),
            try container.decode(Parameters.self, forKey: .parameters))
    }

    var request: Request { Request(capabilities: capabilities) }

    /// Returns the settings to apply for a migration, which then is one stream without delay.
    ///
    /// - Parameter content: What QEMU is to send.
    /// - Returns: Only the capabilities to change, and the bandwidth.
    package func changes(for content: MigrationContent) -> MigrationSettings {
        let changed = capabilities.filter { Self.isOn($0, for: content) != $0.state }
        return MigrationSettings(
            changed.map { Capability(capability: $0.capability, state: !$0.state) },
            Parameters(
                maxBandwidth: max(parameters.maxBandwidth, Self.bandwidthMax),
                tlsCredentials: nil))
    }

    /// Whether a capability is on during a migration.
    private static func isOn(_ capability: Capability, for content: MigrationContent) -> Bool {
        switch capability.capability {
        case ignoreShared: content == .deviceState
        case backgroundSnapshot: content == .backgroundSnapshot
        case let name where turnedOffForBackgroundSnapshot.contains(name):
            capability.state && content != .backgroundSnapshot
        default: false
        }
    }

    /// Computes the settings to apply so that a save's changes are undone.
    ///
    /// Only changes that are still in force in these settings are undone, since a save may end
    /// between any two of its commands. Later changes by another process are kept.
    ///
    /// - Parameters:
    ///   - before: The settings before the save, whose `changes(for: content)` were applied.
    ///   - content: What QEMU has sent.
    /// - Returns: The capabilities to set, and the bandwidth.
    package func undoing(
        changesTo before: MigrationSettings, for content: MigrationContent
    ) -> MigrationSettings {
        let changes = before.changes(for: content)
        let left = changes.capabilities.filter(capabilities.contains)
        let isBandwidthLeft = parameters.maxBandwidth == changes.parameters.maxBandwidth
        return MigrationSettings(
            left.map { Capability(capability: $0.capability, state: !$0.state) },
            Parameters(
                maxBandwidth: (isBandwidthLeft ? before : self).parameters.maxBandwidth,
                tlsCredentials: nil))
    }

    /// Checks whether any change that a save made is still in force in these settings.
    ///
    /// - Parameters:
    ///   - before: The settings before the save, whose `changes(for: content)` were applied.
    ///   - content: What QEMU has sent.
    /// - Returns: Whether there is something to undo.
    package func areChanged(
        before: MigrationSettings, for content: MigrationContent
    ) -> Bool {
        let undo = undoing(changesTo: before, for: content)
        return !undo.capabilities.isEmpty
            || undo.parameters.maxBandwidth != parameters.maxBandwidth
    }

    /// Checks whether a migration with these settings can only be one that a save has started.
    ///
    /// - Parameters:
    ///   - before: The settings before the save, whose `changes(for: content)` were applied.
    ///   - content: What QEMU was to send.
    /// - Returns: Whether all changes of the save are in force, and one of them turns on the
    ///   capability that the migration needs.
    package func areThose(of content: MigrationContent, before: MigrationSettings) -> Bool {
        let changes = before.changes(for: content)
        return changes.capabilities.contains { $0.state }
            && changes.capabilities.allSatisfy(capabilities.contains)
            && parameters.maxBandwidth == changes.parameters.maxBandwidth
    }

    /// Whether QEMU encrypts migrations, which requires a handshake with the destination.
    package var isEncrypted: Bool { !(parameters.tlsCredentials ?? "").isEmpty }

    /// Whether QEMU has the capability to omit shared RAM.
    package var canIgnoreShared: Bool { has(Self.ignoreShared) }

    /// Whether QEMU has the capability to send the RAM of one instant while the guest runs on.
    package var canTakeBackgroundSnapshot: Bool { has(Self.backgroundSnapshot) }

    private func has(_ name: String) -> Bool {
        capabilities.contains { $0.capability == name }
    }
}
