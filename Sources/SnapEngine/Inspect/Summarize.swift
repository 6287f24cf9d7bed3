// snap report: what a store holds, guest by guest, with maps of memory.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Summarizes a store, guest by guest.
package struct Summarize: Sendable {
    /// A guest and its checkpoints.
    package struct Guest: Sendable {
        /// The guest.
        package let name: GuestName
        /// Its checkpoints, by number.
        package let checkpoints: [Checkpoint]
        /// The length of its files in bytes, those of deleted checkpoints among them.
        package let storedByteCount: Int
        /// Maps of its newest checkpoints, the newest first.
        package internal(set) var maps: [MemoryMap] = []
        /// Why a map could not be drawn.
        package internal(set) var mapFailure: SnapError?
    }

    /// Which guest; nil for all.
    package var guest: GuestName?
    /// Of how many of a guest's newest checkpoints the memory is mapped.
    package var mapCount = 1
    /// How many cells a RAM block gets at most in a map, at least 1.
    package var cellCountMax = 1024

    /// Prepares to summarize; the parameter is the property.
    package init(_ guest: GuestName? = nil) {
        self.guest = guest
    }

    /// Reads the index, and the tables of the checkpoints that are mapped.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Returns: The guests that have checkpoints, by name; a guest that was asked for in any
    ///   case.
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
                    storedByteCount: try store.byteCount(of: guest))
            ]
        }
        var guests: [Guest] = []
        var rest = checkpoints[...]
        while let name = rest.first?.guest {
            let own = Array(rest.prefix { $0.guest == name })
            rest = rest.dropFirst(own.count)
            var guest = Guest(
                name: name, checkpoints: own,
                storedByteCount: try byteCount(of: name, in: store, context))
            try map(&guest, in: store, context)
            guests.append(guest)
        }
        return guests
    }

    /// The length of a guest's files; one whose directory is none takes nothing from the rest.
    private func byteCount(
        of guest: GuestName, in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) -> Int {
        do throws(SnapError) { return try store.byteCount(of: guest) } catch {
            guard error.code == .damaged else { throw error }
            context.warn(error)
            return 0
        }
    }

    /// Maps the memory of a guest's newest checkpoints; one that is damaged takes nothing from
    /// the rest.
    private func map(
        _ guest: inout Guest, in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) {
        do throws(SnapError) {
            for checkpoint in guest.checkpoints.suffix(mapCount).reversed() {
                guest.maps.append(
                    try Map(.name(checkpoint.name), cellCountMax: cellCountMax)
                        .run(in: store, context))
            }
        } catch {
            switch error.code {
            case .notFound: break  // deleted meanwhile
            case .damaged, .unsupported, .permission, .inputOutput:
                guest.mapFailure = error
                context.warn(error)
            default: throw error
            }
        }
    }
}
