// snap report: summarizes the contents of a store, guest by guest, with maps of memory.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Summarizes a store, guest by guest.
package struct Summarize: Sendable {
    /// A guest and its checkpoints.
    package struct Guest: Sendable {
        /// The guest's name.
        package let name: GuestName
        /// The guest's checkpoints, ordered by number.
        package let checkpoints: [Checkpoint]
        /// The length of the guest's files in bytes, including retired files.
        package let storedByteCount: Int
        /// The disk use of each checkpoint's files in bytes, by number; deleted ones are included.
        package let diskByteCounts: [Int: Int]
        /// Maps of the guest's newest checkpoints, the newest first.
        package internal(set) var maps: [MemoryMap] = []
        /// The error that prevented a map; nil if all maps could be made.
        package internal(set) var mapFailure: SnapError?
    }

    /// The guest to summarize; nil for all.
    package var guest: GuestName?
    /// The number of a guest's newest checkpoints whose memory is mapped.
    package var mapCount = 1
    /// The maximum number of cells of a RAM block in a map, at least 1.
    ///
    /// It can depend on the number of guests, so that a report on many guests stays small.
    package var cellCountMax: @Sendable (_ guestCount: Int) -> Int = { _ in 1024 }

    /// Creates a summary; the parameter is the property of that name.
    package init(_ guest: GuestName? = nil) {
        self.guest = guest
    }

    /// Reads the index, and the tables of the checkpoints that are mapped.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies lock timeout and jobs; receives progress and warnings.
    /// - Returns: The guests that have checkpoints, ordered by name. A guest that the user named is
    ///   included even without checkpoints.
    /// - Throws: `.notFound` if there is no store or no such guest; `.damaged` for the index;
    ///   `.unsupported`, `.busy`, `.permission`, `.inputOutput` or `.interrupted`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> [Guest] {
        let store = try Store(reading: store, context)
        let checkpoints = try store.checkpoints(of: guest)
        if let guest, checkpoints.isEmpty {
            return [
                Guest(
                    name: guest, checkpoints: [],
                    storedByteCount: try store.byteCount(of: guest), diskByteCounts: [:])
            ]
        }
        var guests: [Guest] = []
        let cellCountMax = cellCountMax(Set(checkpoints.map(\.guest)).count)
        var rest = checkpoints[...]
        while let name = rest.first?.guest {
            let own = Array(rest.prefix { $0.guest == name })
            rest = rest.dropFirst(own.count)
            let (stored, disk) = try byteCounts(of: name, in: store, context)
            var guest = Guest(
                name: name, checkpoints: own, storedByteCount: stored, diskByteCounts: disk)
            try map(&guest, cellCountMax: cellCountMax, in: store, context)
            guests.append(guest)
        }
        return guests
    }

    /// Returns the length of a guest's files together, and the disk use of each checkpoint's.
    ///
    /// Returns nothing, with a warning, if the guest's directory is damaged.
    private func byteCounts(
        of guest: GuestName, in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) -> (stored: Int, disk: [Int: Int]) {
        do throws(SnapError) {
            return (try store.byteCount(of: guest), try store.diskByteCounts(of: guest))
        } catch {
            guard error.code == .damaged else { throw error }
            context.warn(error)
            return (0, [:])
        }
    }

    /// Maps the memory of a guest's newest checkpoints; stops with a warning at a damaged one.
    private func map(
        _ guest: inout Guest, cellCountMax: Int, in store: borrowing Store,
        _ context: WorkContext
    ) throws(SnapError) {
        do throws(SnapError) {
            for checkpoint in guest.checkpoints.suffix(mapCount).reversed() {
                guest.maps.append(
                    try Map(.name(checkpoint.name), cellCountMax: cellCountMax)
                        .run(in: store, context))
            }
        } catch {
            switch error.code {
            case .notFound: break  // Another process has deleted the checkpoint.
            case .damaged, .unsupported, .permission, .inputOutput:
                guest.mapFailure = error
                context.warn(error)
            default: throw error
            }
        }
    }
}
