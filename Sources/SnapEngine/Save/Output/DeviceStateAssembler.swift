import CheckpointStore
import Codecs
import GuestMemory
import MigrationStream
import SavevmFormat
import SnapSystem
import WorkPipeline

/// Writes the device-state file of a new checkpoint, with a base if the parent has one to share.
struct DeviceStateAssembler: Sendable {
    private let deviceStates: [SaveContent.DeviceState]
    private let target: CheckpointTarget
    private let parent: ParentCheckpoint?
    private let compression: Compression

    /// Creates an assembler.
    ///
    /// - Parameters:
    ///   - deviceStates: The device-state files to keep.
    ///   - target: The checkpoint to create.
    ///   - parent: The checkpoint's parent; nil for a full checkpoint.
    ///   - compression: The codec and the level of the device sections.
    init(
        of deviceStates: [SaveContent.DeviceState], to target: CheckpointTarget,
        parent: ParentCheckpoint?, compression: Compression
    ) {
        self.deviceStates = deviceStates
        self.target = target
        self.parent = parent
        self.compression = compression
    }

    /// Writes the file and gives it its name.
    ///
    /// - Parameter context: Receives a warning if the parent's device state is damaged. The new
    ///   file then has no base.
    /// - Returns: The seal of the file and its sections; nil and none without device state.
    /// - Throws: `.cannotCreate` if the name is taken; `.mismatch` if the device state exceeds the
    ///   format's limits; `.permission` or `.inputOutput`.
    func publish(
        _ context: WorkContext
    ) throws(SnapError) -> (DeviceStateSeal?, [DeviceSection]) {
        if deviceStates.isEmpty { return (nil, []) }
        do throws(SnapError) {
            if let base = try base() {
                let writer = try write(sharing: base)
                if !writer.sharesTooLittle { return try Self.publish(writer) }
            }
        } catch {
            guard error.isDamage else { throw error }
            context.warn(
                SnapError(
                    error.code, "device state is saved without a base: \(error.message)",
                    path: error.path, offset: error.offset))
        }
        return try Self.publish(try write(sharing: nil))
    }

    private static func publish(
        _ writer: consuming DeviceStateWriter
    ) throws(SnapError) -> (DeviceStateSeal?, [DeviceSection]) {
        let sections = writer.summaries
        return (try writer.publish(), sections)
    }

    /// Opens the file that the new one can share sections with; nil without one.
    private func base() throws(SnapError) -> DeviceStateFile? {
        guard let parent else { return nil }
        return try target.guest.files.deviceStateBase(
            forChildOf: try parent.files.file(parent.reference.number))
    }

    private func write(sharing base: DeviceStateFile?) throws(SnapError) -> DeviceStateWriter {
        var writer = try DeviceStateWriter(
            in: target.guest.directory,
            target.header(.deviceState, parent: parent, base: base?.reference), base: base,
            compression: compression)
        for state in deviceStates where !writer.sharesTooLittle {
            try Self.append(state, to: &writer)
        }
        if !writer.sharesTooLittle { try writer.finish() }
        return writer
    }

    private static func append(
        _ state: SaveContent.DeviceState, to writer: inout DeviceStateWriter
    ) throws(SnapError) {
        guard let stream = state.stream else {
            writer.begin(.opaque, name: state.name)
            try writer.append(
                StoredSection.Identity(.opaque, name: state.name.description),
                from: state.file.file, 0..<state.byteCount)
            return
        }
        writer.begin(.stream, name: state.name)
        for element in stream.elements where !writer.sharesTooLittle {
            try writer.append(
                StoredSection.Identity(element), from: state.file.file, element.range,
                state: element.state)
        }
        let unsent = UnsentPages(stream.unsentRuns)
        if !unsent.runs.isEmpty {
            try writer.append(
                StoredSection.Identity(.unsentPages, name: ""), bytes: unsent.encode())
        }
        for snapshot in state.diskSnapshots where !writer.sharesTooLittle {
            try writer.append(
                StoredSection.Identity(.diskSnapshot, name: snapshot.drive),
                bytes: StoredDiskSnapshot.encode(snapshot))
        }
        if let domain = state.domain { try append(domain, to: &writer) }
    }

    private static func append(
        _ domain: DomainDescription, to writer: inout DeviceStateWriter
    ) throws(SnapError) {
        let description = StoredSection.Identity(
            .domainDescription, name: "libvirt/description",
            instanceID: domain.wasRunning ? 1 : 0)
        if !writer.sharesTooLittle { try writer.append(description, bytes: domain.xml) }
        if domain.cookie.isEmpty || writer.sharesTooLittle { return }
        try writer.append(
            StoredSection.Identity(.domainCookie, name: "libvirt/cookie"), bytes: domain.cookie)
    }
}

extension StoredSection.Identity {
    /// Creates the identity under which a device-state file stores an element of a stream.
    fileprivate init(_ element: StreamElement) {
        let kind: StoredSection.Kind =
            switch element.kind {
            case .framing: .framing
            case .ramStart: .ramStart
            case .ram: .ram
            case .device: .device
            }
        self.init(
            kind, name: element.name, instanceID: element.instanceID,
            versionID: element.versionID, sectionID: element.sectionID)
    }
}
