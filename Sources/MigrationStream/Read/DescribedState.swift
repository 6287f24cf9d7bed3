/// The length of the state of a device or a subsection, computed from its description.
struct DescribedState {
    /// The length in bytes; nil if the description does not state it, or it exceeds an `Int`.
    private(set) var byteCount: Int? = 0
    private var hasFields = false
    private var hasSubsections = false

    /// Adds a member of the JSON object that describes the device or the subsection.
    ///
    /// - Parameters:
    ///   - key: The member's key.
    ///   - json: The JSON reader, at the member's value. It ends up after the value.
    /// - Throws: If the value is malformed, or if the object has the member twice.
    mutating func read(
        _ key: String, _ json: inout JSONReader
    ) throws(JSONReader.Malformed) {
        switch key {
        case "fields" where !hasFields:
            hasFields = true
            try json.beginArray()
            while try json.hasNext() { add(try Self.field(&json)) }
        case "subsections" where !hasSubsections:
            hasSubsections = true
            try json.beginArray()
            while try json.hasNext() { add(try Self.subsection(&json)) }
        case "fields", "subsections": throw JSONReader.Malformed()
        default: try json.skipValue()
        }
    }

    private mutating func add(_ more: Int?) {
        guard let sum = byteCount, let more, more <= Int.max - sum else {
            byteCount = nil
            return
        }
        byteCount = sum + more
    }

    /// Reads a field and returns its length in bytes; nil if the description does not state it.
    ///
    /// The size of a structure already includes the structure's subsections.
    private static func field(_ json: inout JSONReader) throws(JSONReader.Malformed) -> Int? {
        var size: Int?
        var length: Int?
        try json.beginObject()
        while let key = try json.nextKey() {
            switch key {
            case "size" where size == nil: size = try json.integer()
            case "array_len" where length == nil: length = try json.integer()
            case "size", "array_len": throw JSONReader.Malformed()
            default: try json.skipValue()
            }
        }
        guard let size, size >= 0, case let length = length ?? 1, length >= 0 else { return nil }
        let (byteCount, isTooLong) = size.multipliedReportingOverflow(by: length)
        return isTooLong ? nil : byteCount
    }

    /// Reads a subsection and returns its length in bytes; nil if it is not stated.
    ///
    /// The length includes the subsection's header: 05, the name with its length, the version.
    private static func subsection(
        _ json: inout JSONReader
    ) throws(JSONReader.Malformed) -> Int? {
        var name: String?
        var state = DescribedState()
        try json.beginObject()
        while let key = try json.nextKey() {
            switch key {
            case "vmsd_name" where name == nil: name = try json.string()
            case "vmsd_name": throw JSONReader.Malformed()
            default: try state.read(key, &json)
            }
        }
        guard let name else { throw JSONReader.Malformed() }
        state.add(6 + name.utf8.count)
        return state.byteCount
    }
}
