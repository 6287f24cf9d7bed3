import FoundationEssentials
import SnapSystem

/// The JSON at a stream's end, which says how long each device's state is.
///
/// QEMU's docs/devel/migration/main.rst and scripts/analyze-migration.py.
struct VMDescription {
    private struct Root: Decodable {
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

    /// Each device in stream order; a length in bytes where it can be had.
    private let devices: [(name: String, instanceID: UInt32, byteCount: Int?)]
    private var next = 0

    /// How many devices it describes.
    var deviceCount: Int { devices.count }

    /// Reads a description.
    ///
    /// - Parameter json: The text.
    /// - Returns: nil if it is none.
    init?(_ json: [UInt8]) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let root = try? decoder.decode(Root.self, from: Data(json)) else { return nil }
        devices = root.devices.map { device in
            (
                device.name, device.instanceId,
                Self.byteCount(device.fields ?? [], device.subsections ?? [])
            )
        }
    }

    /// The length of the next device's state, if it is the one that is asked for.
    ///
    /// - Parameters:
    ///   - name: The device's name.
    ///   - instanceID: Which of several of that name.
    mutating func byteCount(of name: String, _ instanceID: UInt32) -> Int? {
        guard
            let found = devices[next...].firstIndex(where: {
                $0.name == name && $0.instanceID == instanceID
            })
        else { return nil }
        next = found + 1
        return devices[found].byteCount
    }

    /// A field's size includes the subsections of a structure in it; those of the device itself
    /// come with their own head: 05, length and name, version.
    private static func byteCount(_ fields: [Field], _ subsections: [Subsection]) -> Int? {
        var sum = 0
        for field in fields {
            guard let size = field.size, size >= 0, case let length = field.arrayLen ?? 1,
                length >= 0
            else { return nil }
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
