package import GuestMemory

/// Parts of a guest's savevm files: those that are damaged, or that a save does not share.
package struct StoredParts: Sendable {
    private var files: Set<Int> = []
    private var slots: [UInt64: PageSet] = [:]

    /// Creates a collection of parts.
    ///
    /// - Parameters:
    ///   - parts: Damaged parts; those that have no slots are ignored.
    ///   - files: The numbers of files, all of whose slots are included.
    package init(_ parts: some Sequence<DamagedPart> = [], files: Set<Int> = []) {
        self.files = files
        for part in parts {
            if case .savevm(let number) = part { self.files.insert(number) }
            guard let group = part.group, let own = part.slots else { continue }
            let key = Location(number: part.number, group: group, slot: 0).groupKey
            for slot in own { slots[key, default: PageSet()].insert(slot) }
        }
    }

    /// Whether it contains no part.
    package var isEmpty: Bool { files.isEmpty && slots.isEmpty }

    /// Checks whether a slot is in one of the parts.
    ///
    /// - Parameter location: The slot's location; that of the zero page is in no part.
    /// - Returns: Whether it is.
    package func contains(_ location: Location) -> Bool {
        files.contains(location.number)
            || slots[location.groupKey]?.contains(location.slot) ?? false
    }
}
