import Codecs
package import GuestMemory
import SnapSystem

/// A device-state file as it was given, or the device state of a memory image that had one.
package struct StoredDeviceState: Sendable, Equatable {
    /// The sorts of files.
    package enum Kind: UInt8, Sendable {
        /// Bytes that mean nothing to snap: one section.
        case opaque = 0
        /// A QEMU stream; its sections, one after the other, are its bytes.
        case stream = 1
    }

    /// What sort it is.
    package let kind: Kind
    /// Its name; no two of a checkpoint have the same.
    package let name: String
    /// Its sections, in order.
    package internal(set) var sections: [StoredSection] = []

    init(kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }

    /// The sections that hold a device's state, or a whole file.
    package var listedSections: [StoredSection] {
        sections.filter { $0.kind == .opaque || $0.kind == .device }
    }

    /// The sections that are bytes of the file as it was given.
    package var givenSections: [StoredSection] { sections.filter { $0.kind != .unsentPages } }

    /// The same, as the index and the command speak of them.
    package var summaries: [DeviceSection] { listedSections.map(\.summary) }

    static func encode(_ states: [StoredDeviceState]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(states.count))
        for state in states {
            writer.append(state.kind.rawValue)
            writer.append(text: state.name)
            writer.append(UInt32(state.sections.count))
            for section in state.sections { section.encode(to: &writer) }
        }
        return writer.bytes
    }

    static func decode(
        _ reader: inout ByteReader, sectionCount: Int, end: Int
    ) throws(SnapError) -> [StoredDeviceState] {
        let fileCount = try reader.count(
            "file count", as: UInt32.self, in: 1...Limits.deviceSectionCountMax)
        var states: [StoredDeviceState] = []
        var left = sectionCount
        var offset = FileHeader.byteCount
        for _ in 0..<fileCount {
            let field = try reader.integer("file kind", as: UInt8.self)
            guard let kind = Kind(rawValue: field) else {
                throw reader.unsupported("device-state file has kind \(field)", bytesBack: 1)
            }
            var state = StoredDeviceState(kind: kind, name: try reader.text("file name"))
            let count = try reader.count(
                "section count", as: UInt32.self,
                in: (kind == .opaque ? 1 : 0)...max(0, kind == .opaque ? 1 : left))
            left -= count
            for _ in 0..<count {
                let section = try StoredSection(&reader, offset: offset, end: end)
                offset += section.pieces.reduce(0) { $0 + $1.storedByteCount }
                state.sections.append(section)
            }
            states.append(state)
        }
        guard left == 0 else {
            throw reader.damage(
                "table has \(sectionCount - left) sections, expected \(sectionCount)")
        }
        try reader.finish("section table")
        return states
    }
}
