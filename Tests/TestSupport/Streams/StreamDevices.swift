/// A device's state that a test makes up, and how a stream's description tells of it.
package struct MadeUpDevice: Sendable {
    package var name: String
    package var instanceID: UInt32 = 0
    package var versionID: UInt32 = 1
    package var sectionID: UInt32
    package var state: [UInt8]
    /// The members of its JSON object that say how long it is.
    package var fields: String

    /// A device whose state is one buffer.
    package init(_ name: String, sectionID: UInt32, state: [UInt8]) {
        self.name = name
        self.sectionID = sectionID
        self.state = state
        fields = Self.buffer(state.count)
    }

    private static func buffer(_ byteCount: Int) -> String {
        #""fields": [{"name": "data", "size": \#(byteCount), "type": "buffer"}]"#
    }

    /// A device of fields, arrays, structures and subsections.
    package static func random(
        _ name: String, sectionID: UInt32, _ generator: inout Seeded
    ) -> MadeUpDevice {
        let (state, fields) = content(depth: 0, &generator)
        var device = MadeUpDevice(name, sectionID: sectionID, state: state)
        device.fields = fields
        device.versionID = UInt32.random(in: 1...9, using: &generator)
        return device
    }

    private static func content(
        depth: Int, _ generator: inout Seeded
    ) -> (state: [UInt8], fields: String) {
        var state: [UInt8] = []
        var fields: [String] = []
        for index in 0..<Int.random(in: 0..<4, using: &generator) {
            let size = Int.random(in: 0..<12, using: &generator)
            var members = #""name": "f\#(index)", "type": "uint8", "size": \#(size)"#
            var count = 1
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                count = Int.random(in: 0..<5, using: &generator)
                members += #", "array_len": \#(count)"#
            case 1:
                // A structure's size has its fields and subsections in it already.
                members += #", "struct": {"vmsd_name": "s", "version": 1, "#
                members += #""fields": [{"name": "x", "size": 77, "type": "buffer"}]}"#
            case 2: members += #", "index": \#(index)"#
            default: break
            }
            fields.append("{\(members)}")
            state += noise(size * count, &generator)
        }
        var members = #""vmsd_name": "made/up", "version": 3, "#
        members += #""fields": [\#(fields.joined(separator: ", "))]"#
        guard depth < 3, Bool.random(using: &generator) else { return (state, members) }
        var subsections: [String] = []
        for index in 0..<Int.random(in: 1..<3, using: &generator) {
            let name = "made/up/\(index)"
            let (inner, fields) = content(depth: depth + 1, &generator)
            state += MadeUpStream.subsection(name, inner)
            subsections.append(
                "{" + fields.replacing(#""made/up""#, with: "\"\(name)\"", maxReplacements: 1)
                    + "}")
        }
        return (state, members + #", "subsections": [\#(subsections.joined(separator: ", "))]"#)
    }

    /// A section of dirty bitmaps, whose bits are noise: QEMU's own format says where it ends.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - chunkCount: How many chunks it has.
    package static func dirtyBitmap(
        sectionID: UInt32, chunkCount: Int, _ generator: inout Seeded
    ) -> MadeUpDevice {
        var state: [UInt8] = []
        for _ in 0..<chunkCount {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: state += [0x1c, 1, 0x64, 2, 0x62, 0x30, 0, 1, 0, 0, 1]
            case 1: state += [0x42] + MadeUpStream.integer(7 as UInt64) + [0, 0, 1, 0]
            case 2: state += [0x24, 1, 0x62]
            default:
                let bits = noise(Int.random(in: 0..<40, using: &generator), &generator)
                state += [0x80, 0x40] + noise(12, &generator)
                state += MadeUpStream.integer(UInt64(bits.count)) + bits
            }
        }
        return MadeUpDevice("dirty-bitmap", sectionID: sectionID, state: state + [0x01])
    }

    /// Bytes of all sorts, among them those that begin footers and sections.
    package static func noise(_ count: Int, _ generator: inout Seeded) -> [UInt8] {
        (0..<count).map { _ in
            Bool.random(using: &generator)
                ? UInt8.random(in: 0...255, using: &generator)
                : [0x7e, 0x00, 0x04, 0x06, 0x7b].randomElement(using: &generator) ?? 0
        }
    }
}

extension MadeUpStream {
    /// Writes a device's section.
    ///
    /// - Parameters:
    ///   - device: The device.
    ///   - isDescribed: Whether the description tells of it.
    package mutating func device(_ device: MadeUpDevice, isDescribed: Bool = true) {
        if isDescribed {
            descriptions.append(
                #"{"name": "\#(device.name)", "instance_id": \#(device.instanceID), "#
                    + #""version": \#(device.versionID), \#(device.fields)}"#)
        }
        begin(0x04, device)
    }

    /// Writes the first section of something that is sent in several.
    package mutating func iterableStart(_ device: MadeUpDevice) { begin(0x01, device) }

    private mutating func begin(_ type: UInt8, _ device: MadeUpDevice) {
        let start = bytes.count
        append([type] + Self.integer(device.sectionID) + Self.text(device.name))
        append(Self.integer(device.instanceID) + Self.integer(device.versionID))
        let first = bytes.count - start
        append(device.state + footer(device.sectionID))
        note(
            Element(
                kind: .device, name: device.name, instanceID: device.instanceID,
                versionID: device.versionID, sectionID: device.sectionID,
                range: start..<bytes.count, state: first..<first + device.state.count))
    }

    /// Writes a later section of something that is sent in several.
    ///
    /// - Parameters:
    ///   - device: What it is, and the state that this section has.
    ///   - isLast: Whether it says that it is the last.
    package mutating func iterablePart(_ device: MadeUpDevice, isLast: Bool) {
        let start = bytes.count
        append([isLast ? 0x03 : 0x02] + Self.integer(device.sectionID))
        append(device.state + footer(device.sectionID))
        note(
            Element(
                kind: .device, name: device.name, sectionID: device.sectionID,
                range: start..<bytes.count, state: 5..<5 + device.state.count))
    }
}
