import Foundation
import TestSupport
import Testing

@testable import snap

@Suite("Writing JSON")
struct JSONWriterTests {
    /// A value that a test writes and compares with the value that Foundation reads.
    private indirect enum Value: Equatable {
        case number(Int?)
        case text(String?)
        case boolean(Bool)
        case object([String: Value])
        case list([[String: Value]])

        /// Writes a field with this value.
        func write(_ name: String, to json: inout JSONWriter) {
            switch self {
            case .number(let number): json.field(name, number)
            case .text(let text): json.field(name, text)
            case .boolean(let boolean): json.field(name, boolean)
            case .object(let fields):
                json.key(name)
                json.object { Self.write(fields, to: &$0) }
            case .list(let elements):
                json.key(name)
                json.array(elements) { json, fields in
                    json.object { Self.write(fields, to: &$0) }
                }
            }
        }

        static func write(_ fields: [String: Value], to json: inout JSONWriter) {
            for (name, value) in fields { value.write(name, to: &json) }
        }

        /// Whether Foundation has read this value.
        func equals(_ read: Any?) -> Bool {
            switch self {
            case .number(nil), .text(nil): read is NSNull
            case .number(let number?): (read as? NSNumber)?.intValue == number
            case .text(let text?):
                // Compare bytes, because Swift treats canonically equivalent strings as equal.
                (read as? String).map { Array($0.utf8) == Array(text.utf8) } ?? false
            case .boolean(let boolean): (read as? NSNumber)?.boolValue == boolean
            case .object(let fields): Self.equals(fields, read)
            case .list(let elements):
                (read as? [Any]).map { read in
                    read.count == elements.count
                        && zip(elements, read).allSatisfy { Self.equals($0, $1) }
                } ?? false
            }
        }

        static func equals(_ fields: [String: Value], _ read: Any?) -> Bool {
            guard let read = read as? [String: Any], read.count == fields.count else {
                return false
            }
            return fields.allSatisfy { $1.equals(read[$0]) }
        }

        static func random(depth: Int, _ generator: inout Seeded) -> Value {
            switch Int.random(in: 0..<(depth == 0 ? 6 : 10), using: &generator) {
            case 0: return .number(nil)
            case 1: return .text(nil)
            case 2: return .boolean(Bool.random(using: &generator))
            case 3: return .number(generator.choice([0, -1, .max, .min, 1 << 53 + 1]))
            case 4, 5: return .text(text(&generator))
            case 6, 7: return .object(fields(depth: depth - 1, &generator))
            default:
                return .list(
                    (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                        fields(depth: depth - 1, &generator)
                    })
            }
        }

        static func fields(depth: Int, _ generator: inout Seeded) -> [String: Value] {
            var fields: [String: Value] = [:]
            for _ in 0..<Int.random(in: 0...5, using: &generator) {
                fields[text(&generator)] = random(depth: depth, &generator)
            }
            return fields
        }

        /// Generates a text, mostly of characters that need escaping or a terminal may interpret.
        static func text(_ generator: inout Seeded) -> String {
            var text = ""
            for _ in 0..<Int.random(in: 0...12, using: &generator) {
                let ranges: [ClosedRange<UInt32>] = [
                    0...0x20, 0x20...0x7e, 0x22...0x22, 0x5c...0x5c, 0x7f...0xa0, 0xa1...0x2ff,
                    0x2000...0x206f, 0xfff0...0xffff, 0x1f600...0x1f64f, 0xe0001...0xe007f,
                    0x1d173...0x1d17a, 0x10fff0...0x10ffff,
                ]
                let range = generator.choice(ranges)
                if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &generator)) {
                    text.unicodeScalars.append(scalar)
                }
            }
            return text
        }
    }

    @Test(
        "written JSON is read back unchanged and contains no control characters",
        arguments: 0..<60)
    func roundTrip(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let fields = Value.fields(depth: 4, &generator)
        var json = JSONWriter()
        json.object { Value.write(fields, to: &$0) }
        let text = json.text
        let read = try JSONSerialization.jsonObject(with: Data(text.utf8))
        #expect(Value.equals(fields, read), "seed \(seed): \(text.debugDescription)")
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f })
        #expect(!text.unicodeScalars.contains { (0x80..<0xa0).contains($0.value) })
    }

    @Test("fields keep their order, and only commas separate them")
    func layout() {
        var json = JSONWriter()
        json.object { json in
            json.field("b", 1)
            json.field("a", nil as String?)
            json.key("list")
            json.array([1, 2]) { json, number in json.object { $0.field("n", number) } }
            json.key("empty")
            json.array([] as [Int]) { _, _ in }
            json.field("time", Duration.milliseconds(1500))
            json.field("truth", false)
        }
        #expect(
            json.text
                == #"{"b":1,"a":null,"list":[{"n":1},{"n":2}],"empty":[],"time":1.500,"truth":false}"#
        )
    }
}
