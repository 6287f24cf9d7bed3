/// Divides what comes through a QMP socket into JSON objects, however they are laid out.
///
/// QEMU writes one object a line, or several lines an object with `pretty=on`. An object ends where
/// its outermost brace is closed; braces inside strings do not count (RFC 8259).
package struct JSONMessages: Sendable {
    /// What came that is no part of an object.
    package struct Foreign: Error {
        /// The first bytes of it.
        package let bytes: [UInt8]
    }

    private var bytes: [UInt8] = []
    /// How far the bytes have been looked at.
    private var position = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    private static let shownByteCount = 100
    /// How deep objects and arrays may lie in one another: what reads them calls itself for each.
    private static let depthMax = 32

    /// Begins without a byte.
    package init() {}

    /// How many bytes wait for the rest of their object.
    package var waitingByteCount: Int { bytes.count }

    /// Takes bytes that have come.
    ///
    /// - Parameter more: The bytes, in order.
    package mutating func append(_ more: [UInt8]) { bytes += more }

    /// The next whole object; nil if more bytes are needed.
    ///
    /// - Throws: `Foreign` if something else than an object comes, or one that is nested too deep.
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
            // Between objects only white space may come.
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
            // White space alone is no beginning of an object.
            bytes.removeAll(keepingCapacity: true)
            position = 0
        }
        return nil
    }
}
