package import GuestMemory
import SnapSystem

// Layout: savevm(5), "Section list".
//
//     SIZE  DESCRIPTION
//        1  kind: 0 opaque, 1 framing, 2 RAM start, 3 RAM, 4 device, 5 pages not sent, 6 disk
//           snapshot, 7 description and 8 cookie of a libvirt domain
//    2 + n  name
//        4  instance id
//        4  version id
//        4  section id
//        8  offset of the device's own state in the section
//        8  length of the device's own state in bytes

/// A section of a device-state file.
package struct StoredSection: Sendable, Equatable {
    /// The kinds of sections.
    package enum Kind: UInt8, Sendable {
        /// The content of a file that snap does not interpret.
        case opaque = 0
        /// Bytes of a stream around its sections: header, configuration, commands, description.
        case framing = 1
        /// The section that starts a stream's RAM; empty if the pages are in the savevm file.
        case ramStart = 2
        /// A later section of a stream's RAM; an empty one marks the end of the RAM.
        case ram = 3
        /// A section of a device, including its header and footer.
        case device = 4
        /// A list of the RAM pages that the source did not send; not part of the stream's bytes.
        case unsentPages = 5
        /// The name of a disk snapshot; not part of the stream's bytes.
        case diskSnapshot = 6
        /// libvirt's description of the domain, XML; not part of the stream's bytes.
        ///
        /// The instance id is 1 if the domain was running when it was saved, and 0 if not.
        case domainDescription = 7
        /// libvirt's cookie, XML that only libvirt reads; not part of the stream's bytes.
        case domainCookie = 8
    }

    /// The kind, name and ids of a section.
    package struct Identity: Sendable, Equatable {
        /// The kind of the section.
        package let kind: Kind
        /// The name of the device or of the opaque file.
        package let name: String
        /// QEMU's instance id, which distinguishes devices of the same name.
        package let instanceID: UInt32
        /// The version of the device's state format.
        package let versionID: UInt32
        /// QEMU's section id, which is unique in a stream.
        package let sectionID: UInt32

        /// Creates an identity from its properties.
        package init(
            _ kind: Kind, name: String, instanceID: UInt32 = 0, versionID: UInt32 = 0,
            sectionID: UInt32 = 0
        ) {
            self.kind = kind
            self.name = name
            self.instanceID = instanceID
            self.versionID = versionID
            self.sectionID = sectionID
        }
    }

    /// The kinds of sections that belong to a stream, but not to its bytes.
    package static let kindsBesideStream: Set<Kind> = [
        .unsentPages, .diskSnapshot, .domainDescription, .domainCookie,
    ]

    /// Its kind, name and ids.
    package let identity: Identity
    /// The section's bytes that are the device's own state, without the stream's header and footer.
    package let state: Range<Int>
    /// The number of its content in the section table.
    let number: Int
    let content: SectionContent

    /// The kind of the section.
    package var kind: Kind { identity.kind }

    /// Its length in bytes.
    package var byteCount: Int { content.byteCount }

    init(_ identity: Identity, number: Int, _ content: SectionContent, state: Range<Int>) {
        self.identity = identity
        self.number = number
        self.content = content
        self.state = state
    }

    /// A description of the section, for the index and the commands.
    package var summary: DeviceSection {
        DeviceSection(
            name: identity.name, instanceID: Int(identity.instanceID),
            versionID: Int(identity.versionID), byteCount: state.count)
    }

    func encode(to writer: inout ByteWriter) {
        writer.append(identity.kind.rawValue)
        writer.append(text: identity.name)
        writer.append(identity.instanceID)
        writer.append(identity.versionID)
        writer.append(identity.sectionID)
        writer.append(UInt64(state.lowerBound))
        writer.append(UInt64(state.count))
    }

    /// Decodes the position of a device's own state in its section.
    static func decodeState(
        _ reader: inout ByteReader, sectionByteCount: Int
    ) throws(SnapError) -> Range<Int> {
        let start = try reader.count("state offset", as: UInt64.self, in: 0...sectionByteCount)
        let count = try reader.count(
            "state length", as: UInt64.self, in: 0...sectionByteCount - start)
        return start..<start + count
    }
}

extension StoredSection.Identity {
    init(_ reader: inout ByteReader) throws(SnapError) {
        let field = try reader.integer("section kind", as: UInt8.self)
        guard let kind = StoredSection.Kind(rawValue: field) else {
            throw reader.unsupported(
                "kind of a device section is \(field), expected 0 to 8", bytesBack: 1)
        }
        self.init(
            kind, name: try reader.text("section name"),
            instanceID: try reader.integer("instance id"),
            versionID: try reader.integer("version id"),
            sectionID: try reader.integer("section id"))
    }
}
