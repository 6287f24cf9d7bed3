/// The JSON description at a stream's end: the devices and the lengths of their states.
///
/// The format is that of QEMU's docs/devel/migration/main.rst and scripts/analyze-migration.py.
struct VMDescription {
    /// A device whose complete state is in one section.
    struct DescribedDevice {
        let name: String
        /// The number that distinguishes devices of the same name.
        let instanceID: UInt32
        /// The length of the device's state in bytes; nil if the description does not state it.
        let byteCount: Int?

        /// Whether a section belongs to this device.
        ///
        /// - Parameter head: The section's header.
        func owns(_ head: SectionHead) -> Bool {
            head.type == .full && head.name == name && head.instanceID == instanceID
        }
    }

    /// The devices that have one section, in stream order.
    ///
    /// They do not include the RAM and other devices that are sent in several sections.
    let devices: [DescribedDevice]
    /// The length of the target's pages in bytes; nil if the description does not state it.
    let pageByteCount: Int?

    /// Parses a description.
    ///
    /// - Parameter text: The JSON text.
    /// - Returns: nil if the text is not a description, or is nested more deeply than
    ///   `StreamLimits.descriptionDepthMax`.
    init?(_ text: [UInt8]) {
        do throws(JSONReader.Malformed) {
            var json = JSONReader(text, depthMax: StreamLimits.descriptionDepthMax)
            self = try VMDescription(&json)
            try json.finish()
        } catch { return nil }
    }

    private init(_ json: inout JSONReader) throws(JSONReader.Malformed) {
        var devices: [DescribedDevice]?
        var pageByteCount: Int?
        try json.beginObject()
        while let key = try json.nextKey() {
            switch key {
            case "devices" where devices == nil: devices = try Self.devices(&json)
            case "page_size" where pageByteCount == nil: pageByteCount = try json.integer()
            case "devices", "page_size": throw JSONReader.Malformed()
            default: try json.skipValue()
            }
        }
        guard let devices else { throw JSONReader.Malformed() }
        self.devices = devices
        self.pageByteCount = pageByteCount
    }

    private static func devices(
        _ json: inout JSONReader
    ) throws(JSONReader.Malformed) -> [DescribedDevice] {
        var devices: [DescribedDevice] = []
        try json.beginArray()
        while try json.hasNext() { devices.append(try device(&json)) }
        return devices
    }

    private static func device(
        _ json: inout JSONReader
    ) throws(JSONReader.Malformed) -> DescribedDevice {
        var name: String?
        var instanceID: UInt32?
        var state = DescribedState()
        try json.beginObject()
        while let key = try json.nextKey() {
            switch key {
            case "name" where name == nil: name = try json.string()
            case "instance_id" where instanceID == nil:
                instanceID = try json.integer().flatMap(UInt32.init(exactly:))
                if instanceID == nil { throw JSONReader.Malformed() }
            case "name", "instance_id": throw JSONReader.Malformed()
            default: try state.read(key, &json)
            }
        }
        guard let name, let instanceID else { throw JSONReader.Malformed() }
        return DescribedDevice(name: name, instanceID: instanceID, byteCount: state.byteCount)
    }
}
