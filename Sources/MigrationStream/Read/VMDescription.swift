/// The JSON at a stream's end, which says what devices are in the stream and how long each one's
/// state is.
///
/// QEMU's docs/devel/migration/main.rst and scripts/analyze-migration.py.
struct VMDescription {
    /// A device that has one section, with all of its state.
    struct DescribedDevice {
        let name: String
        /// Which of several of that name.
        let instanceID: UInt32
        /// The length of its state in bytes; nil if it is not said.
        let byteCount: Int?

        /// Whether a section is this device's.
        ///
        /// - Parameter head: The section's header.
        func isOwner(of head: SectionHead) -> Bool {
            head.type == .full && head.name == name && head.instanceID == instanceID
        }
    }

    /// The devices in stream order: exactly those that have one section.
    ///
    /// RAM, and what else is sent in several sections, is not among them.
    let devices: [DescribedDevice]
    /// The length of a page of the target in bytes; nil if it is not said.
    let pageByteCount: Int?

    /// Reads a description.
    ///
    /// - Parameter text: The text.
    /// - Returns: nil if it is none, or nested more deeply than a limit allows.
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
