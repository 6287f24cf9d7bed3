/// A JSON reader (RFC 8259) that reads a text once, from its start to its end.
///
/// It builds no tree of values: memory use depends on the longest string. The caller reads nested
/// values with nested calls, so there is a limit on their depth.
struct JSONReader: ~Copyable {
    /// The text is not JSON, is nested too deeply, or contains another value than the expected one.
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private var place = 0
    private let depthMax: Int
    /// The number of objects and arrays that have started and not ended.
    private var depth = 0
    /// Whether the innermost object or array has just started.
    private var isFirst = false

    /// Creates a reader at a text's first byte.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - depthMax: The limit on the nesting depth of objects and arrays.
    init(_ text: [UInt8], depthMax: Int) {
        bytes = text
        self.depthMax = depthMax
    }

    /// Skips white space and returns the next byte without consuming it.
    private mutating func peek() throws(Malformed) -> UInt8 {
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x09, 0x0a, 0x0d: place += 1
            default: return bytes[place]
            }
        }
        throw Malformed()
    }

    /// Consumes a byte that must come next, after any white space.
    private mutating func take(_ byte: Unicode.Scalar) throws(Malformed) {
        guard try peek() == UInt8(ascii: byte) else { throw Malformed() }
        place += 1
    }

    /// Checks that only white space follows.
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

    /// Starts to read an object, whose members the caller then reads with `nextKey`.
    mutating func beginObject() throws(Malformed) { try begin(with: "{") }

    /// Starts to read an array, whose values the caller then reads with `hasNext`.
    mutating func beginArray() throws(Malformed) { try begin(with: "[") }

    /// Consumes the separator before the next value, or the end of the object or array.
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

    /// Reads the key of an object's next member.
    ///
    /// - Returns: The key, whose value the caller must read next; nil at the object's end.
    mutating func nextKey() throws(Malformed) -> String? {
        guard try next(before: "}") else { return nil }
        let key = try string()
        try take(":")
        return key
    }

    /// Whether an array has another value, which the caller must read next.
    mutating func hasNext() throws(Malformed) -> Bool { try next(before: "]") }

    /// Skips a value of any type.
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

    /// Skips true, false or null; returns false if none of them comes next.
    private mutating func skipWord() throws(Malformed) -> Bool {
        _ = try peek()
        for word in ["true", "false", "null"] where bytes[place...].starts(with: word.utf8) {
            place += word.utf8.count
            return true
        }
        return false
    }

    /// Reads an integer or null.
    ///
    /// - Returns: The integer; nil for null.
    mutating func integer() throws(Malformed) -> Int? {
        if try peek() == UInt8(ascii: "n"), try skipWord() { return nil }
        guard let value = Int(String(decoding: bytes[try number()], as: UTF8.self)) else {
            throw Malformed()
        }
        return value
    }

    /// Skips a number.
    ///
    /// - Returns: The number's range in the text.
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

    /// Reads a string.
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

    /// Reads the rest of an escape sequence, after the backslash, and returns it in UTF-8.
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
