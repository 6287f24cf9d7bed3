/// Splits the bytes from a QMP socket into JSON objects.
///
/// QEMU writes one object per line, or several lines per object with `pretty=on`. An object ends
/// with the brace that closes it; braces inside strings do not count (RFC 8259).
package struct JSONMessages: Sendable {
    /// Bytes that do not belong to an object, or an object that is nested too deeply.
    package struct Foreign: Error {
        /// The first of the bytes, for the error message.
        package let bytes: [UInt8]
    }

    private var bytes: [UInt8] = []
    /// The number of bytes that have been scanned.
    private var position = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    private static let shownByteCount = 100
    /// The limit on the nesting depth of objects and arrays, for which the JSON decoder recurses.
    private static let depthMax = 32

    /// Creates a splitter without bytes.
    package init() {}

    /// The number of received bytes whose object is still incomplete.
    package var waitingByteCount: Int { bytes.count }

    /// Adds received bytes.
    ///
    /// - Parameter more: The bytes, in order of arrival.
    package mutating func append(_ more: [UInt8]) { bytes += more }

    /// Removes the next complete object from the received bytes.
    ///
    /// - Returns: The object's bytes; nil if more bytes are needed.
    /// - Throws: `Foreign` if the next bytes are not an object, or the object is nested too deeply.
    package mutating func next() throws(Foreign) -> [UInt8]? {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if isInString {
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "[") where depth > 0: depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case 0...UInt8(ascii: " ") where depth == 0: continue
            default: break
            }
            // Only white space may separate objects.
            let hasEnded = depth == 0 && [UInt8(ascii: "}"), UInt8(ascii: "]")].contains(byte)
            guard hasEnded || (1...Self.depthMax).contains(depth) else {
                let shown = bytes.drop { $0 <= UInt8(ascii: " ") }.prefix(Self.shownByteCount)
                throw Foreign(bytes: Array(shown))
            }
            if hasEnded {
                let object = Array(bytes[..<position].drop { $0 <= UInt8(ascii: " ") })
                bytes.removeFirst(position)
                position = 0
                return object
            }
        }
        if depth == 0 {
            // The remaining bytes are white space, which is not part of an object.
            bytes.removeAll(keepingCapacity: true)
            position = 0
        }
        return nil
    }
}
