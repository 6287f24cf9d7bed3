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

    /// What a device is asked for by.
    private struct Key: Hashable {
        let name: String
        let instanceID: UInt32
    }

    /// Each device's length in bytes where it can be had, in stream order.
    private let byteCounts: [Int?]
    /// Where the devices of a name are among them; those that are left.
    private var places: [Key: ArraySlice<Int>] = [:]
    private var next = 0

    /// Reads a description.
    ///
    /// - Parameter json: The text.
    /// - Returns: nil if it is none.
    init?(_ json: [UInt8]) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let root = try? decoder.decode(Root.self, from: Data(json)) else { return nil }
        byteCounts = root.devices.map { Self.byteCount($0.fields ?? [], $0.subsections ?? []) }
        for (place, device) in root.devices.enumerated() {
            places[Key(name: device.name, instanceID: device.instanceId), default: []]
                .append(place)
        }
    }

    /// The length of the next device's state, if it is the one that is asked for.
    ///
    /// - Parameters:
    ///   - name: The device's name.
    ///   - instanceID: Which of several of that name.
    mutating func byteCount(of name: String, _ instanceID: UInt32) -> Int? {
        let key = Key(name: name, instanceID: instanceID)
        while let place = places[key]?.popFirst() {
            if place < next { continue }
            next = place + 1
            return byteCounts[place]
        }
        return nil
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
