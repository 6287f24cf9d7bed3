import FoundationEssentials

/// The JSON at a stream's end, which says what devices are in the stream and how long each one's
/// state is.
///
/// QEMU's docs/devel/migration/main.rst and scripts/analyze-migration.py.
struct VMDescription {
    private struct Root: Decodable {
        let pageSize: Int?
        let devices: [Device]
    }

    private struct Device: Decodable {
        let name: String
        let instanceId: UInt32
        let fields: [Field]?
        let subsections: [Subsection]?
    }

    private struct Subsection: Decodable {
        let vmsdName: String
        let fields: [Field]?
        let subsections: [Subsection]?
    }

    private struct Field: Decodable {
        let size: Int?
        let arrayLen: Int?
    }

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
    /// - Parameter json: The text.
    /// - Returns: nil if it is none.
    init?(_ json: [UInt8]) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard String(validating: json, as: UTF8.self) != nil,
            let root = try? decoder.decode(Root.self, from: Data(json))
        else { return nil }
        pageByteCount = root.pageSize
        devices = root.devices.map { device in
            DescribedDevice(
                name: device.name, instanceID: device.instanceId,
                byteCount: Self.byteCount(device.fields ?? [], device.subsections ?? []))
        }
    }

    /// A field's size includes the subsections of a structure in it; those of the device itself
    /// come with their own head: 05, length and name, version.
    private static func byteCount(_ fields: [Field], _ subsections: [Subsection]) -> Int? {
        var sum = 0
        for field in fields {
            let length = field.arrayLen ?? 1
            guard let size = field.size, size >= 0, length >= 0 else { return nil }
            let (bytes, isTooLong) = size.multipliedReportingOverflow(by: length)
            guard !isTooLong, bytes <= Int.max - sum else { return nil }
            sum += bytes
        }
        for subsection in subsections {
            let head = 6 + subsection.vmsdName.utf8.count
            guard
                let bytes = byteCount(subsection.fields ?? [], subsection.subsections ?? []),
                bytes <= Int.max - sum - head
            else { return nil }
            sum += bytes + head
        }
        return sum
    }
}
