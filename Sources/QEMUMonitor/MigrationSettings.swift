/// How QEMU migrates: the part of it that a save changes and puts back.
package struct MigrationSettings: Codable, Sendable, Equatable {
    /// A capability and whether it is on.
    package struct Capability: Codable, Sendable, Equatable {
        /// QEMU's name for it.
        package let capability: String
        /// Whether it is on.
        package let state: Bool

        /// Describes a capability; the parameters are the properties.
        package init(capability: String, state: Bool) {
            self.capability = capability
            self.state = state
        }
    }

    /// What is not on or off.
    package struct Parameters: Codable, Sendable, Equatable {
        enum CodingKeys: String, CodingKey {
            case maxBandwidth = "max-bandwidth"
            case tlsCredentials = "tls-creds"
        }
        /// In bytes a second.
        package let maxBandwidth: UInt64
        /// What encrypts; nil or empty for nothing.
        let tlsCredentials: String?

        /// Describes the parameters; the parameters are the properties.
        package init(maxBandwidth: UInt64, tlsCredentials: String?) {
            self.maxBandwidth = maxBandwidth
            self.tlsCredentials = tlsCredentials
        }
    }

    struct Request: Encodable {
        let capabilities: [Capability]
    }

    /// All capabilities that a save may change, or those that are to be changed.
    package let capabilities: [Capability]
    /// What else is to be set.
    package let parameters: Parameters

    /// The capability that leaves RAM out which others share.
    private static let ignoreShared = "x-ignore-shared"
    /// Those that a save turns off: they change what is sent, or when.
    ///
    /// No other is ever set, whatever a peer or a marker names. Not here is what changes nothing
    /// in the stream of a guest that is stopped, or must be the same in the destination: events,
    /// validate-uuid, late-block-activate.
    private static let turnedOff: Set<String> = [
        "auto-converge", "background-snapshot", "block", "compress", "dirty-bitmaps",
        "dirty-limit", "mapped-ram", "multifd", "pause-before-switchover", "postcopy-blocktime",
        "postcopy-preempt", "postcopy-ram", "rdma-pin-all", "release-ram", "return-path",
        "switchover-ack", "x-colo", "xbzrle", "zero-blocks", "zero-copy-send",
    ]
    /// In bytes a second; QEMU takes it for no limit.
    private static let bandwidthMax: UInt64 = 1 << 40

    /// Describes how QEMU migrates: of the capabilities, those that a save may change.
    ///
    /// - Parameters:
    ///   - capabilities: All, or those that are to be changed.
    ///   - parameters: What else is to be set.
    package init(_ capabilities: [Capability], _ parameters: Parameters) {
        var names = Set<String>()
        self.capabilities = capabilities.filter {
            ($0.capability == Self.ignoreShared || Self.turnedOff.contains($0.capability))
                && names.insert($0.capability).inserted
        }
        self.parameters = parameters
    }

    /// Reads what a marker holds.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            try container.decode([Capability].self, forKey: .capabilities),
            try container.decode(Parameters.self, forKey: .parameters))
    }

    var request: Request { Request(capabilities: capabilities) }

    /// What has to be set so that only device state is sent, at once and in one stream.
    package var forDeviceState: MigrationSettings {
        let changed = capabilities.filter {
            $0.state != ($0.capability == Self.ignoreShared)
        }
        return MigrationSettings(
            changed.map { Capability(capability: $0.capability, state: !$0.state) },
            Parameters(
                maxBandwidth: max(parameters.maxBandwidth, Self.bandwidthMax),
                tlsCredentials: nil))
    }

    /// What makes these settings again what they were before a save changed them.
    ///
    /// Of the save's changes only those are undone that are in force here: a save may end between
    /// any two of its commands. What somebody else has changed since then is kept.
    ///
    /// - Parameter before: The settings that `forDeviceState` was made of.
    package func undoing(changesTo before: MigrationSettings) -> MigrationSettings {
        let changes = before.forDeviceState
        let left = changes.capabilities.filter(capabilities.contains)
        let isBandwidthLeft = parameters.maxBandwidth == changes.parameters.maxBandwidth
        return MigrationSettings(
            left.map { Capability(capability: $0.capability, state: !$0.state) },
            Parameters(
                maxBandwidth: (isBandwidthLeft ? before : self).parameters.maxBandwidth,
                tlsCredentials: nil))
    }

    /// Whether anything is in force here of changes to other settings.
    ///
    /// - Parameter before: The settings that `forDeviceState` was made of.
    package func areChanged(before: MigrationSettings) -> Bool {
        let undo = undoing(changesTo: before)
        return !undo.capabilities.isEmpty
            || undo.parameters.maxBandwidth != parameters.maxBandwidth
    }

    /// Whether a migration with these settings can only be one of device state alone: shared RAM
    /// is left out here, and was not before.
    ///
    /// - Parameter before: The settings that `forDeviceState` was made of.
    package func areForDeviceState(before: MigrationSettings) -> Bool {
        let changes = before.forDeviceState
        return changes.capabilities.contains { $0.capability == Self.ignoreShared }
            && changes.capabilities.allSatisfy(capabilities.contains)
            && parameters.maxBandwidth == changes.parameters.maxBandwidth
    }

    /// Whether QEMU encrypts what it sends, for which both ends have to speak.
    package var isEncrypted: Bool { !(parameters.tlsCredentials ?? "").isEmpty }

    /// Whether QEMU can leave shared RAM out.
    package var canIgnoreShared: Bool {
        capabilities.contains { $0.capability == Self.ignoreShared }
    }
}
