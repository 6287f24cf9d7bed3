/// How long a device's state is, or that of a subsection, by what a description says of it.
struct DescribedState {
    /// The length in bytes; nil if it is not said.
    private(set) var byteCount: Int? = 0
    private var hasFields = false
    private var hasSubsections = false

    /// Takes a member of the JSON object that describes the device or the subsection.
    ///
    /// - Parameters:
    ///   - key: The member's key.
    ///   - json: The text, at the member's value.
    /// - Throws: If it is no such value, or one that has come before.
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

    /// A field's size includes the subsections of a structure in it.
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

    /// A subsection of the device itself comes with its own head: 05, length and name, version.
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
