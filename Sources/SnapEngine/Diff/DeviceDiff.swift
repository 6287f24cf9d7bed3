// snap diff --devices: shows which device sections differ between two checkpoints.

import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Compares the device state of two checkpoints, section by section.
package struct DeviceDiff: Sendable {
    /// The difference between a section of the first checkpoint and that of the second.
    package enum Change: String, Sendable {
        /// Both checkpoints have the section, with the same version and the same bytes.
        case unchanged
        /// Both checkpoints have the section, with another version or other bytes.
        case changed
        /// Only the second checkpoint has it.
        case added
        /// Only the first checkpoint has it.
        case removed
    }

    /// A section of either checkpoint.
    package struct Section: Sendable, Equatable {
        /// The section of the second checkpoint, or of the first if the second lacks it.
        package let section: DeviceSection
        /// The kind of difference.
        package let change: Change
        /// The number of bytes that differ in the section's state.
        package let changedByteCount: Int
    }

    /// The result of a comparison.
    package struct Outcome: Sendable {
        /// The first checkpoint.
        package let from: Checkpoint
        /// The second checkpoint.
        package let to: Checkpoint
        /// The second checkpoint's sections in its order, followed by the removed sections.
        package let sections: [Section]
    }

    /// The identity of a section in its checkpoint.
    ///
    /// A device in several parts has several sections with the same name and instance id, so their
    /// order of occurrence distinguishes them.
    private struct Key: Hashable {
        let name: String
        let instanceID: UInt32
        let occurrence: Int
    }

    /// The specifier of the first checkpoint.
    package var from: CheckpointSpecifier
    /// The specifier of the second checkpoint.
    package var to: CheckpointSpecifier

    /// Creates a comparison; the parameters are the properties of these names.
    package init(from: CheckpointSpecifier, to: CheckpointSpecifier) {
        self.from = from
        self.to = to
    }

    /// Reads the device state of both checkpoints and compares it.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies the system calls and the lock timeout; receives warnings.
    /// - Returns: The sections of both checkpoints and their differences.
    /// - Throws: `.notFound` if a checkpoint does not exist or has no device state; `.usage` for
    ///   part of an id that matches two checkpoints; `.damaged`, `.unsupported`, `.busy`,
    ///   `.permission` or `.inputOutput`.
    package func run(in store: FilePath, _ context: WorkContext) throws(SnapError) -> Outcome {
        try Store(reading: store, context).withCheckpoints(
            from, to, context: context
        ) { (before, after) throws(SnapError) in
            Outcome(
                from: before.checkpoint, to: after.checkpoint,
                sections: try Self.compare(try before.deviceState(), try after.deviceState()))
        }
    }

    private static func compare(
        _ before: DeviceStateFile, _ after: DeviceStateFile
    ) throws(SnapError) -> [Section] {
        var beforeReader = DeviceStateReader(before)
        var afterReader = DeviceStateReader(after)
        var left = keyed(before)
        var sections: [Section] = []
        for (key, section) in keyed(after) {
            guard let index = left.firstIndex(where: { $0.key == key }) else {
                sections.append(
                    Section(
                        section: section.summary, change: .added,
                        changedByteCount: section.state.count))
                continue
            }
            let old = left.remove(at: index).section
            let count = try afterReader.differingByteCount(
                of: section, from: old, in: &beforeReader)
            let isSame = count == 0 && old.identity.versionID == section.identity.versionID
            sections.append(
                Section(
                    section: section.summary, change: isSame ? .unchanged : .changed,
                    changedByteCount: count))
        }
        return sections
            + left.map { _, section in
                Section(
                    section: section.summary, change: .removed,
                    changedByteCount: section.state.count)
            }
    }

    private static func keyed(
        _ file: DeviceStateFile
    ) -> [(key: Key, section: StoredSection)] {
        var counts: [String: Int] = [:]
        return file.states.flatMap(\.listedSections).map { section in
            let identity = section.identity
            let occurrence = counts["\(identity.name)/\(identity.instanceID)", default: 0]
            counts["\(identity.name)/\(identity.instanceID)"] = occurrence + 1
            let key = Key(
                name: identity.name, instanceID: identity.instanceID, occurrence: occurrence)
            return (key, section)
        }
    }
}
