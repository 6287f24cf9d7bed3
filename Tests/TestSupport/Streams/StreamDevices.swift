/// A generated device state, and its entry in a stream's description.
package struct GeneratedDevice: Sendable {
    /// The device's name.
    package var name: String
    /// The device's instance, among devices of the same name.
    package var instanceID: UInt32 = 0
    /// The version of the state's format.
    package var versionID: UInt32 = 1
    /// The number of the device's section in the stream.
    package var sectionID: UInt32
    /// The bytes of the state, without the section's header and footer.
    package var state: [UInt8]
    /// The members of the entry's JSON object that describe the state's length.
    package var fields: String

    /// Creates a device whose description contains one buffer.
    ///
    /// - Parameters:
    ///   - name: The device's name.
    ///   - sectionID: The number of the device's section.
    ///   - state: The bytes of the state.
    package init(_ name: String, sectionID: UInt32, state: [UInt8]) {
        self.name = name
        self.sectionID = sectionID
        self.state = state
        fields = Self.buffer(state.count)
    }

    private static func buffer(_ byteCount: Int) -> String {
        #""fields": [{"name": "data", "size": \#(byteCount), "type": "buffer"}]"#
    }

    /// Generates a device with fields, arrays, structures and subsections.
    ///
    /// - Parameters:
    ///   - name: The device's name.
    ///   - sectionID: The number of the device's section.
    ///   - generator: The generator that selects the fields and the bytes.
    /// - Returns: The device.
    package static func random(
        _ name: String, sectionID: UInt32, _ generator: inout Seeded
    ) -> GeneratedDevice {
        let (state, fields) = content(depth: 0, &generator)
        var device = GeneratedDevice(name, sectionID: sectionID, state: state)
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
                // A structure's size includes its fields and subsections.
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
            state += GeneratedStream.subsection(name, inner)
            subsections.append(
                "{" + fields.replacing(#""made/up""#, with: "\"\(name)\"", maxReplacements: 1)
                    + "}")
        }
        return (state, members + #", "subsections": [\#(subsections.joined(separator: ", "))]"#)
    }

    /// Generates a section of dirty bitmaps with random bits.
    ///
    /// The section's length follows from QEMU's format of dirty bitmaps.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - chunkCount: The number of chunks in the section.
    ///   - generator: The generator that selects the chunks and the bits.
    /// - Returns: The section, as a device.
    package static func dirtyBitmap(
        sectionID: UInt32, chunkCount: Int, _ generator: inout Seeded
    ) -> GeneratedDevice {
        var state: [UInt8] = []
        for _ in 0..<chunkCount {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: state += [0x1c, 1, 0x64, 2, 0x62, 0x30, 0, 1, 0, 0, 1]
            case 1: state += [0x42] + GeneratedStream.integer(7 as UInt64) + [0, 0, 1, 0]
            case 2: state += [0x24, 1, 0x62]
            default:
                let bits = noise(Int.random(in: 0..<40, using: &generator), &generator)
                state += [0x80, 0x40] + noise(12, &generator)
                state += GeneratedStream.integer(UInt64(bits.count)) + bits
            }
        }
        return GeneratedDevice("dirty-bitmap", sectionID: sectionID, state: state + [0x01])
    }

    /// Generates random bytes, many of which are the first bytes of footers and sections.
    ///
    /// - Parameters:
    ///   - count: The number of bytes.
    ///   - generator: The generator of the bytes.
    /// - Returns: The bytes.
    package static func noise(_ count: Int, _ generator: inout Seeded) -> [UInt8] {
        (0..<count).map { _ in
            Bool.random(using: &generator)
                ? UInt8.random(in: 0...255, using: &generator)
                : [0x7e, 0x00, 0x04, 0x06, 0x7b].randomElement(using: &generator) ?? 0
        }
    }
}

extension GeneratedStream {
    /// Writes a device's section.
    ///
    /// - Parameters:
    ///   - device: The device.
    ///   - isDescribed: Whether the stream's description contains the device.
    package mutating func device(_ device: GeneratedDevice, isDescribed: Bool = true) {
        if isDescribed {
            descriptions.append(
                #"{"name": "\#(device.name)", "instance_id": \#(device.instanceID), "#
                    + #""version": \#(device.versionID), \#(device.fields)}"#)
        }
        begin(0x04, device)
    }

    /// Writes the first section of a device that has several.
    ///
    /// - Parameter device: The device, and the state in this section.
    package mutating func iterableStart(_ device: GeneratedDevice) { begin(0x01, device) }

    private mutating func begin(_ type: UInt8, _ device: GeneratedDevice) {
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

    /// Writes a later section of a device that has several.
    ///
    /// - Parameters:
    ///   - device: The device, and the state in this section.
    ///   - isLast: Whether the section's type marks it as the last one.
    package mutating func iterablePart(_ device: GeneratedDevice, isLast: Bool) {
        let start = bytes.count
        append([isLast ? 0x03 : 0x02] + Self.integer(device.sectionID))
        append(device.state + footer(device.sectionID))
        note(
            Element(
                kind: .device, name: device.name, sectionID: device.sectionID,
                range: start..<bytes.count, state: 5..<5 + device.state.count))
    }
}
