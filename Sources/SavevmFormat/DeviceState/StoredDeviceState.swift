import Codecs
package import GuestMemory
import SnapSystem

/// A device state that a save received: a separate file, or the devices of a memory image.
package struct StoredDeviceState: Sendable, Equatable {
    /// The kinds of device states.
    package enum Kind: UInt8, Sendable {
        /// Bytes that snap does not interpret; they are one section.
        case opaque = 0
        /// A QEMU stream; the bytes of its given sections, in order, are the stream.
        case stream = 1
    }

    /// Whether it is opaque or a QEMU stream.
    package let kind: Kind
    /// Its name, which is unique in a checkpoint.
    package let name: String
    /// Its sections, in the order of the section table.
    package internal(set) var sections: [StoredSection] = []

    init(kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }

    /// The sections that contain the state of a device, or an opaque file.
    package var listedSections: [StoredSection] {
        sections.filter { $0.kind == .opaque || $0.kind == .device }
    }

    /// The sections whose bytes, in order, are the original file or stream.
    package var originalSections: [StoredSection] { sections.filter { $0.kind != .unsentPages } }

    /// Descriptions of the listed sections, for the index and the commands.
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
                throw reader.unsupported(
                    "kind of a device-state file is \(field), expected 0 or 1", bytesBack: 1)
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
                "section table has \(sectionCount - left) sections, expected \(sectionCount)")
        }
        try reader.finish("section table")
        return states
    }
}
