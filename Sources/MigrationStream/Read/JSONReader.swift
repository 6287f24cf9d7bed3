/// Reads JSON (RFC 8259) from its beginning to its end, once, and keeps nothing of it.
///
/// Memory use goes with the longest string. Values within values are read with a call each, so
/// that there is a limit on how deep they go.
struct JSONReader: ~Copyable {
    /// The text is no JSON, goes too deep, or holds another value than is asked for.
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private var place = 0
    private let depthMax: Int
    /// How many objects and arrays have begun and not ended.
    private var depth = 0
    /// Whether nothing has come yet in the one that began last.
    private var isFirst = false

    /// Begins at a text's first byte.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - depthMax: How many objects and arrays may be inside one another.
    init(_ text: [UInt8], depthMax: Int) {
        bytes = text
        self.depthMax = depthMax
    }

    /// What the next value, or its end, begins with.
    private mutating func peek() throws(Malformed) -> UInt8 {
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x09, 0x0a, 0x0d: place += 1
            default: return bytes[place]
            }
        }
        throw Malformed()
    }

    /// Takes a byte that must come next, behind white space.
    private mutating func take(_ byte: Unicode.Scalar) throws(Malformed) {
        guard try peek() == UInt8(ascii: byte) else { throw Malformed() }
        place += 1
    }

    /// Checks that nothing follows.
    mutating func finish() throws(Malformed) {
        guard depth == 0, (try? peek()) == nil else { throw Malformed() }
    }

    // MARK: Objects and arrays

    private mutating func begin(with byte: Unicode.Scalar) throws(Malformed) {
        try take(byte)
        guard depth < depthMax else { throw Malformed() }
        depth += 1
        isFirst = true
    }

    /// Begins to read an object: each of its members follows, as key and value.
    mutating func beginObject() throws(Malformed) { try begin(with: "{") }

    /// Begins to read an array: each of its values follows.
    mutating func beginArray() throws(Malformed) { try begin(with: "[") }

    /// Takes what is between two values, or the end behind the last.
    ///
    /// - Returns: Whether another value follows.
    private mutating func next(before end: Unicode.Scalar) throws(Malformed) -> Bool {
        defer { isFirst = false }
        if try peek() == UInt8(ascii: end) {
            place += 1
            depth -= 1
            return false
        }
        if !isFirst { try take(",") }
        return true
    }

    /// The key of the next member of an object, whose value must be read then; nil at its end.
    mutating func nextKey() throws(Malformed) -> String? {
        guard try next(before: "}") else { return nil }
        let key = try string()
        try take(":")
        return key
    }

    /// Whether an array has another value, which must be read then.
    mutating func hasNext() throws(Malformed) -> Bool { try next(before: "]") }

    /// Takes a value, whatever it is.
    mutating func skipValue() throws(Malformed) {
        switch try peek() {
        case UInt8(ascii: "{"):
            try beginObject()
            while try nextKey() != nil { try skipValue() }
        case UInt8(ascii: "["):
            try beginArray()
            while try hasNext() { try skipValue() }
        case UInt8(ascii: "\""): _ = try string()
        default:
            if try skipWord() { return }
            _ = try number()
        }
    }

    // MARK: Other values

    /// Takes true, false or null, if it comes next.
    private mutating func skipWord() throws(Malformed) -> Bool {
        _ = try peek()
        for word in ["true", "false", "null"] where bytes[place...].starts(with: word.utf8) {
            place += word.utf8.count
            return true
        }
        return false
    }

    /// An integer.
    ///
    /// - Returns: nil if it is null.
    mutating func integer() throws(Malformed) -> Int? {
        if try peek() == UInt8(ascii: "n"), try skipWord() { return nil }
        guard let value = Int(String(decoding: bytes[try number()], as: UTF8.self)) else {
            throw Malformed()
        }
        return value
    }

    /// Takes a number.
    ///
    /// - Returns: Where it is.
    private mutating func number() throws(Malformed) -> Range<Int> {
        _ = try peek()
        let start = place
        if bytes[place] == UInt8(ascii: "-") { place += 1 }
        let isZero = place < bytes.count && bytes[place] == UInt8(ascii: "0")
        guard case let count = skipDigits(), count == 1 || count > 0 && !isZero else {
            throw Malformed()
        }
        if place < bytes.count, bytes[place] == UInt8(ascii: ".") {
            place += 1
            guard skipDigits() > 0 else { throw Malformed() }
        }
        if place < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
            place += 1
            if place < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[place]) {
                place += 1
            }
            guard skipDigits() > 0 else { throw Malformed() }
        }
        return start..<place
    }

    private mutating func skipDigits() -> Int {
        let start = place
        while place < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) {
            place += 1
        }
        return place - start
    }

    /// A string.
    mutating func string() throws(Malformed) -> String {
        try take("\"")
        var text: [UInt8] = []
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw Malformed()
                }
                return string
            case UInt8(ascii: "\\"): text += try escaped()
            case 0..<0x20: throw Malformed()
            default: text.append(byte)
            }
        }
        throw Malformed()
    }

    /// What is behind a backslash.
    private mutating func escaped() throws(Malformed) -> [UInt8] {
        guard place < bytes.count else { throw Malformed() }
        let byte = bytes[place]
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var units = [try hexadecimal()]
            if UTF16.isLeadSurrogate(units[0]), bytes[place...].starts(with: [0x5c, 0x75]) {
                place += 2
                units.append(try hexadecimal())
            }
            guard let text = String(validating: units, as: UTF16.self) else { throw Malformed() }
            return Array(text.utf8)
        default: throw Malformed()
        }
    }

    private mutating func hexadecimal() throws(Malformed) -> UInt16 {
        let digits = bytes[place...].prefix(4)
        guard digits.count == 4, digits.first != UInt8(ascii: "+"),
            let value = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw Malformed() }
        place += 4
        return value
    }
}
