// snap diff --devices: which device sections changed between two checkpoints.

import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Compares the device state of two checkpoints, section by section.
package struct DeviceDiff: Sendable {
    /// What became of a section.
    package enum Change: String, Sendable {
        /// It is there in both, with the same version and the same bytes.
        case unchanged
        /// It is there in both, and differs.
        case changed
        /// Only the second checkpoint has it.
        case added
        /// Only the first checkpoint has it.
        case removed
    }

    /// A section of either checkpoint.
    package struct Section: Sendable, Equatable {
        /// The section, as the second checkpoint has it if it does.
        package let section: DeviceSection
        /// What became of it.
        package let change: Change
        /// How many bytes of its state differ.
        package let changedByteCount: Int
    }

    /// What was compared.
    package struct Outcome: Sendable {
        /// The first checkpoint.
        package let from: Checkpoint
        /// The second one.
        package let to: Checkpoint
        /// All sections, in the second's order, then those that it lacks.
        package let sections: [Section]
    }

    /// What tells a section from the others of its checkpoint: a device in several parts has
    /// several with the same name and instance.
    private struct Key: Hashable {
        let name: String
        let instanceID: UInt32
        let occurrence: Int
    }

    /// The first checkpoint.
    package var from: CheckpointSpecifier
    /// The second one.
    package var to: CheckpointSpecifier

    /// Names what is compared; the parameters are the properties.
    package init(from: CheckpointSpecifier, to: CheckpointSpecifier) {
        self.from = from
        self.to = to
    }

    /// Compares.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Throws: `.notFound` if a checkpoint is not there or has no device state; `.usage` for an
    ///   id that fits two; `.damaged`, `.unsupported`, `.busy`, `.permission`, `.inputOutput`.
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
        _ before: borrowing DeviceStateFile, _ after: borrowing DeviceStateFile
    ) throws(SnapError) -> [Section] {
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
            let count = try after.differingByteCount(of: section, from: old, in: before)
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
        _ file: borrowing DeviceStateFile
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
