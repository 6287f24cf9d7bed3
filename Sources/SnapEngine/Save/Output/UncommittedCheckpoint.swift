import CheckpointIndex
import CheckpointStore
import Codecs
import GuestMemory
import MigrationStream
import SavevmFormat
import SnapSystem

/// A checkpoint whose pages are written, and whose file has no name yet.
///
/// The images are no longer needed. If it is discarded nothing of it stays.
struct UncommittedCheckpoint: ~Copyable {
    private let target: CheckpointTarget
    private let parent: ParentCheckpoint?
    private let deviceStates: [SaveContent.DeviceState]
    private let compression: CompressionLevel
    private let savevm: SavevmAssembler

    /// Takes over the file; the parameters are the properties.
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

    /// Writes the device state, and last of all names the savevm file: that is the commit point.
    ///
    /// On failure neither of the files is there.
    ///
    /// - Returns: What the index is to know.
    /// - Throws: `.cannotCreate` if the number is taken; `.mismatch` past the limits on device
    ///   state; `.permission`, `.inputOutput` or `.interrupted`.
    consuming func commit() throws(SnapError) -> IndexedCheckpoint {
        let target = target
        let (seal, sections) = try writeDeviceState()
        do throws(SnapError) {
            // The commit point: from here on the checkpoint exists.
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

    /// Removes the device state of a save that has failed, unless a savevm file that could not be
    /// removed names it.
    private static func removeDeviceState(of target: CheckpointTarget) {
        let directory = target.guest.directory
        let number = target.name.number
        do throws(SnapError) {
            guard try directory.status(of: FileName.savevm(number).text) == nil else { return }
            try directory.remove(FileName.deviceState(number).text)
        } catch {
            // It is a leftover now, which the next save removes.
        }
    }
}

extension StoredSection.Identity {
    /// What an element of a stream is in a device-state file.
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
