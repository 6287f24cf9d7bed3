package import GuestMemory
import SnapSystem

// Layout: savevm(5), "Section list".
//
//     SIZE  DESCRIPTION
//        4  file count; then for each file, in the order in which the save received them:
//        1  kind: 0 opaque, 1 QEMU stream
//    2 + n  name
//        4  section count; then for each section: see StoredSection

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

    /// The sections that contain the state of a device, an opaque file, or the description of a
    /// domain.
    package var listedSections: [StoredSection] {
        let kinds: Set<StoredSection.Kind> = [
            .opaque, .device, .domainDescription, .domainCookie,
        ]
        return sections.filter { kinds.contains($0.kind) }
    }

    /// The sections whose bytes, in order, are the original file or stream.
    package var originalSections: [StoredSection] {
        sections.filter { !StoredSection.kindsBesideStream.contains($0.kind) }
    }

    /// Descriptions of the listed sections, for the index and the commands.
    package var summaries: [DeviceSection] { listedSections.map(\.summary) }

    /// Encodes the section list, which has the names of all files and sections.
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

    /// Decodes the section list.
    ///
    /// - Parameters:
    ///   - reader: The reader of the list.
    ///   - contents: The contents of the sections, in order.
    /// - Throws: `.damaged` or `.unsupported`.
    static func decode(
        _ reader: inout ByteReader, _ contents: ArraySlice<SectionContent>
    ) throws(SnapError) -> [StoredDeviceState] {
        let fileCount = try reader.count(
            "file count", as: UInt32.self, in: 1...Limits.deviceSectionCountMax)
        var states: [StoredDeviceState] = []
        var number = 0
        for _ in 0..<fileCount {
            var (state, count) = try decodeHead(&reader, room: contents.count - number)
            for _ in 0..<count {
                let content = contents[number]
                let identity = try StoredSection.Identity(&reader)
                let own = try StoredSection.decodeState(
                    &reader, sectionByteCount: content.byteCount)
                state.sections.append(
                    StoredSection(identity, number: number, content, state: own))
                number += 1
            }
            states.append(state)
        }
        guard number == contents.count else {
            throw reader.damage("section list has \(number) sections, expected \(contents.count)")
        }
        try reader.finish("section list")
        return states
    }

    /// Decodes the kind and name of a device state, and the number of its sections.
    static func decodeHead(
        _ reader: inout ByteReader, room: Int
    ) throws(SnapError) -> (StoredDeviceState, sectionCount: Int) {
        let field = try reader.integer("file kind", as: UInt8.self)
        guard let kind = Kind(rawValue: field) else {
            throw reader.unsupported(
                "kind of a device-state file is \(field), expected 0 or 1", bytesBack: 1)
        }
        let state = StoredDeviceState(kind: kind, name: try reader.text("file name"))
        let isOpaque = kind == .opaque
        let count = try reader.count(
            "section count", as: UInt32.self, in: isOpaque ? 1...1 : 0...room)
        guard count <= room else {
            throw reader.damage("list continues after the last of the sections")
        }
        return (state, count)
    }
}
