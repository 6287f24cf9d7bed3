import Codecs
import GuestMemory
import SnapSystem

/// The sections of a base, which a new device-state file can share.
struct SharedSections: ~Copyable {
    /// What a section must have in common with the base's.
    ///
    /// A stream can have several sections with the same name and instance id, so their order of
    /// occurrence distinguishes them.
    private struct Key: Hashable {
        let state: String
        let kind: StoredSection.Kind
        let name: String
        let instanceID: UInt32
        let occurrence: Int
    }

    private let base: DeviceStateFile
    private var pieces: SectionReader
    private var sections: [Key: Int] = [:]
    private var occurrences: [Key: Int] = [:]

    init(of base: DeviceStateFile) {
        self.base = base
        pieces = SectionReader(base.sections)
        for state in base.states {
            for section in state.sections {
                sections[key(of: section.identity, in: state.name)] = section.number
            }
        }
        occurrences = [:]
    }

    /// Returns the key of the next section of an identity.
    private mutating func key(
        of identity: StoredSection.Identity, in state: String
    ) -> Key {
        let first = Key(
            state: state, kind: identity.kind, name: identity.name,
            instanceID: identity.instanceID, occurrence: 0)
        let occurrence = occurrences[first, default: 0]
        occurrences[first] = occurrence + 1
        return Key(
            state: state, kind: identity.kind, name: identity.name,
            instanceID: identity.instanceID, occurrence: occurrence)
    }

    /// Finds the base's section for the next section of a new file.
    ///
    /// Must be called for each section, in order.
    ///
    /// - Returns: The section's number; nil if the base has none of the same length.
    mutating func next(
        _ identity: StoredSection.Identity, in state: String, byteCount: Int
    ) -> Int? {
        guard let number = sections[key(of: identity, in: state)] else { return nil }
        return matching(number, byteCount: byteCount)
    }

    /// Returns the number of the base's section list if it has this length.
    func list(byteCount: Int) -> Int? {
        matching(base.sections.table.listNumber, byteCount: byteCount)
    }

    private func matching(_ number: Int, byteCount: Int) -> Int? {
        base.sections.table.contents[number].byteCount == byteCount ? number : nil
    }

    /// The difference between a piece and the base's.
    enum Difference {
        /// The pieces are equal.
        case none
        /// The runs turn the base's piece into the new one.
        case runs([UInt8])
        /// The pieces differ so much that runs are not shorter than the piece.
        case all
    }

    /// Compares a piece of a new file with the base's.
    ///
    /// - Throws: `.damaged` if the base is damaged; `.inputOutput`.
    mutating func difference(
        of piece: RawSpan, at index: Int, from section: Int
    ) throws(SnapError) -> Difference {
        try pieces.withPiece(index, ofSection: section, named: "device section") { base in
            if piece.isEqual(to: base) { return .none }
            var runs: [UInt8] = []
            let isShorter = Delta.encode(
                piece, against: base, byteCountMax: piece.byteCount - 1, appendingTo: &runs)
            return isShorter ? .runs(runs) : .all
        }
    }
}
