import SnapSystem

/// Writes JSON that keeps the order of the fields and includes nulls.
///
/// Foundation's encoder does neither, and takes several times as long for ten thousand checkpoints.
struct JSONWriter {
    private var bytes: [UInt8] = []
    private var needsComma = false
    /// The buffer that receives the JSON; nil to keep it in `bytes`.
    private var output: OutputBuffer?

    private static let keptByteCountMax = 1 << 16

    /// Creates a writer without a value.
    ///
    /// - Parameter output: The buffer that receives the JSON; nil to keep all of it in `text`.
    init(to output: OutputBuffer? = nil) {
        self.output = output
    }

    /// The JSON that has not been passed to the output; all of it if there is no output.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Writes the remaining JSON and a newline.
    ///
    /// - Throws: `.inputOutput` if standard output could not be written.
    mutating func finish() throws(SnapError) {
        bytes.append(UInt8(ascii: "\n"))
        output?.append(bytes)
        bytes = []
        try output?.finish()
    }

    /// Writes an object.
    ///
    /// - Parameter body: Writes the object's fields.
    mutating func object(_ body: (inout JSONWriter) -> Void) {
        container(from: UInt8(ascii: "{"), to: UInt8(ascii: "}"), body)
    }

    /// Writes an array.
    ///
    /// - Parameters:
    ///   - elements: The elements.
    ///   - body: Writes one element as one value.
    mutating func array<Element>(
        _ elements: [Element], _ body: (inout JSONWriter, Element) -> Void
    ) {
        sequence(elements, body)
    }

    /// Writes an array from a sequence, whose elements need not all be in memory.
    ///
    /// - Parameters:
    ///   - elements: The elements.
    ///   - body: Writes one element as one value.
    mutating func sequence<Elements: Sequence>(
        _ elements: Elements, _ body: (inout JSONWriter, Elements.Element) -> Void
    ) {
        container(from: UInt8(ascii: "["), to: UInt8(ascii: "]")) { json in
            for element in elements { body(&json, element) }
        }
    }

    /// Writes a field's name; the caller must write its value next.
    mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a field with an integer, or null.
    mutating func field(_ name: String, _ value: (some FixedWidthInteger)?) {
        key(name)
        bytes.append(contentsOf: (value.map { String($0) } ?? "null").utf8)
        needsComma = true
    }

    /// Writes a field with a string, or null.
    mutating func field(_ name: String, _ value: String?) {
        key(name)
        if let value { quote(value) } else { bytes.append(contentsOf: "null".utf8) }
        needsComma = true
    }

    /// Writes a field with a boolean.
    mutating func field(_ name: String, _ value: Bool) {
        key(name)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
        needsComma = true
    }

    /// Writes a field with a duration in seconds with three decimal places, or null.
    mutating func field(_ name: String, _ value: Duration?) {
        key(name)
        bytes.append(contentsOf: (value?.seconds(fractionDigits: 3) ?? "null").utf8)
        needsComma = true
    }

    /// Writes null as the value of a field whose name has been written.
    mutating func null() {
        bytes.append(contentsOf: "null".utf8)
        needsComma = true
    }

    /// Writes a string as an element of an array.
    mutating func element(_ value: String) {
        separate()
        quote(value)
        needsComma = true
    }

    /// Writes an integer as an element of an array.
    mutating func element(_ value: Int) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
        needsComma = true
    }

    private mutating func container(
        from opening: UInt8, to closing: UInt8, _ body: (inout JSONWriter) -> Void
    ) {
        separate()
        bytes.append(opening)
        needsComma = false
        body(&self)
        bytes.append(closing)
        needsComma = true
        if bytes.count >= Self.keptByteCountMax, output != nil {
            output?.append(bytes)
            bytes.removeAll(keepingCapacity: true)
        }
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        // Nearly every string needs no escape and is appended in one piece.
        let needsEscape = text.utf8.contains {
            !(0x20..<0x7f).contains($0) || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\")
        }
        guard needsEscape else {
            bytes.append(contentsOf: text.utf8)
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": bytes += [UInt8(ascii: "\\"), UInt8(scalar.value)]
            // A JSON parser decodes the escape; a terminal never receives the character.
            case _ where !scalar.isPrintable:
                bytes += ("\\u" + String(scalar.value, radix: 16).padded(to: 4)).utf8
            default: bytes += Array(String(scalar).utf8)
            }
        }
    }
}
