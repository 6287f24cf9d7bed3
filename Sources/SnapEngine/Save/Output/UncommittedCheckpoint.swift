import CheckpointIndex
import CheckpointStore
import Codecs
import GuestMemory
import MigrationStream
import SavevmFormat
import SnapSystem

/// A checkpoint whose pages are written, but whose savevm file has no name yet.
///
/// The images are no longer needed. If the value is discarded, nothing of the checkpoint stays.
struct UncommittedCheckpoint: ~Copyable {
    private let target: CheckpointTarget
    private let parent: ParentCheckpoint?
    private let deviceStates: [SaveContent.DeviceState]
    private let compression: CompressionLevel
    private let savevm: SavevmAssembler

    /// Creates a value that owns the file; the parameters are the properties of these names.
    init(
        of target: CheckpointTarget, _ savevm: consuming SavevmAssembler,
        deviceStates: [SaveContent.DeviceState], parent: ParentCheckpoint?,
        compression: CompressionLevel
    ) {
        self.target = target
        self.savevm = savevm
        self.deviceStates = deviceStates
        self.parent = parent
        self.compression = compression
    }

    /// Writes the device state, then gives the savevm file its name, which is the commit point.
    ///
    /// On failure it deletes both files; the next save deletes one that cannot be deleted now.
    ///
    /// - Returns: The description of the checkpoint for the index.
    /// - Throws: `.cannotCreate` if the number is taken; `.mismatch` if the device state exceeds
    ///   the format's limits; `.damaged` for the parent's files; `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    consuming func commit() throws(SnapError) -> IndexedCheckpoint {
        let target = target
        let (seal, sections) = try writeDeviceState()
        do throws(SnapError) {
            // The commit point: after this call the checkpoint exists.
            let contents = try savevm.publish(seal)
            return IndexedCheckpoint(describing: contents, sections)
        } catch {
            if seal != nil { Self.removeDeviceState(of: target) }
            throw error
        }
    }

    private func writeDeviceState() throws(SnapError) -> (DeviceStateSeal?, [DeviceSection]) {
        if deviceStates.isEmpty { return (nil, []) }
        var writer = try DeviceStateWriter(
            in: target.guest.directory, target.header(.deviceState, parent: parent),
            compression: compression)
        for state in deviceStates {
            guard let stream = state.stream else {
                writer.begin(.opaque, name: state.name)
                try writer.append(
                    StoredSection.Identity(.opaque, name: state.name.description),
                    from: state.file.file, 0..<state.byteCount)
                continue
            }
            writer.begin(.stream, name: state.name)
            for element in stream.elements {
                try writer.append(
                    StoredSection.Identity(element), from: state.file.file, element.range,
                    state: element.state)
            }
            let unsent = UnsentPages(stream.unsentRuns)
            if !unsent.runs.isEmpty {
                try writer.append(
                    StoredSection.Identity(.unsentPages, name: ""), bytes: unsent.encode())
            }
        }
        let sections = writer.summaries
        return (try writer.publish(), sections)
    }

    /// Deletes the device-state file of a failed save.
    ///
    /// Keeps the file if the savevm file has its name but could not be deleted.
    private static func removeDeviceState(of target: CheckpointTarget) {
        let directory = target.guest.directory
        let number = target.name.number
        do throws(SnapError) {
            guard try directory.status(of: FileName.savevm(number).text) == nil else { return }
            try directory.remove(FileName.deviceState(number).text)
        } catch {
            // The file is now a leftover, which the next save deletes.
        }
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
