import Foundation
import TestSupport
import Testing

@Suite("The description at a stream's end")
struct DescriptionTests {
    /// Returns a stream with two devices and a description.
    private static func stream(_ description: (GeneratedStream) -> [UInt8]?) -> GeneratedStream {
        var made = GeneratedStream()
        made.ramStart([("r", GeneratedImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, GeneratedImage.text(1)) }
        made.device(GeneratedDevice("a", sectionID: 5, state: [1, 2, 3]))
        made.device(GeneratedDevice("b", sectionID: 6, state: [4]))
        made.finish(description: description(made))
        return made
    }

    private static func devices(_ a: String, _ b: String) -> String {
        #"{"devices": [{"name": "a", "instance_id": 0, \#(a)}, "#
            + #"{"name": "b", "instance_id": 0, \#(b)}]}"#
    }

    private static func size(_ text: String) -> String { #""fields": [{"size": \#(text)}]"# }

    private static let deep = String(repeating: "[", count: 100_000)
    private static let deepObjects = String(repeating: #"{"a":"#, count: 100_000)

    /// Texts that are not a description of devices.
    private static let invalidTexts: [String] = [
        "", "{", "{}", "[]", "{]", "null", "x", "{\u{7f}}", "{\"devices\": 1}",
        #"{"devices": [1]}"#, #"{"devices": [{}]}"#,
        #"{"devices": [{"name": "a"}]}"#, "{\"devices\": \(deep)", "{" + deep, deepObjects,
        #"{"devices": [{"name": "a", "instance_id": -1}]}"#,
        #"{"devices": [{"name": "a", "instance_id": 1e99}]}"#,
        devices(size("9223372036854775808"), size("1")), devices(size("1e999"), size("1")),
        devices(size("18446744073709551619"), size("1")), devices(size("3.5"), size("1")),
        devices(size("1e15"), size("1")), devices(size("\"3\""), size("null")),
        devices(#""fields": {}"#, #""subsections": [{}]"#),
    ]

    /// Descriptions of the stream's devices, with wrong or missing lengths.
    private static let wrongLengths: [String] = [
        devices(size("2"), size("1")), devices(size("4"), size("1")),
        devices(size("300"), size("1")), devices(size("0"), size("0")),
        devices(size("-3"), size("-1")), devices(size("9223372036854775807"), size("1")),
        devices(size("null"), size("1")),
        devices(#""fields": [{"size": 3, "array_len": -1}]"#, size("1")),
        devices(#""fields": [{"size": 9223372036854775807, "array_len": 2}]"#, size("1")),
        devices(
            #""fields": [{"size": 9223372036854775807}, {"size": 9223372036854775807}]"#,
            size("1")),
        devices(
            #""fields": [{"size": 9223372036854775800}], "subsections": [{"vmsd_name": "x"}]"#,
            size("1")),
    ]

    /// Descriptions of devices other than the stream's.
    private static let others: [String] = [
        #"{"devices": []}"#, #"{"devices": [{"name": "a", "instance_id": 0}]}"#,
        #"{"devices": [{"name": "b", "instance_id": 0}, {"name": "a", "instance_id": 0}]}"#,
        #"{"devices": [{"name": "a", "instance_id": 0}, {"name": "b", "instance_id": 1}]}"#,
        devices(size("3"), size("1") + #"}, {"name": "c", "instance_id": 0"#),
    ]

    /// Returns a description without devices and with another value, nested to `depth` levels.
    private static func nested(_ depth: Int) -> String {
        let left = String(repeating: "[", count: depth - 1)
        let right = String(repeating: "]", count: depth - 1)
        return #"{"x": \#(left)\#(right), "devices": []}"#
    }

    @Test(
        "if the text is not a description, the footers separate the devices",
        arguments: invalidTexts.indices)
    func noDescription(index: Int) throws {
        // The argument is an index because 100,000 brackets are unsuitable as a test's name.
        let json = Self.invalidTexts[index]
        let made = Self.stream { _ in Array(json.utf8) }
        let scratch = try Scratch()
        try ReadStream(made.bytes, in: scratch).check(made, json.prefix(80).description)
        try ReadStream(made.bytes, stagesRAM: false, in: scratch)
            .check(made, stagesRAM: false, json.prefix(80).description)
    }

    /// The reader refuses a wrong description that it reads, and ignores one that it does not read.
    @Test("a description of 32 levels is read, and a deeper one is ignored")
    func depth() throws {
        let subsections =
            String(repeating: #"{"vmsd_name": "x", "subsections": ["#, count: 250)
            + String(repeating: "]}", count: 250)
        let texts = [
            Self.nested(32), Self.nested(33),
            Self.devices(#""subsections": [\#(subsections)]"#, Self.size("1")),
        ]
        let codes = try texts.map { text in
            let made = Self.stream { _ in Array(text.utf8) }
            return try ReadOutcome(made.bytes, in: try Scratch()).error?.code
        }
        #expect(codes == [.inputDamaged, nil, nil])
    }

    @Test(
        "a description of other devices or other lengths is refused",
        arguments: others + wrongLengths)
    func otherDevices(json: String) throws {
        let made = Self.stream { _ in Array(json.utf8) }
        for stagesRAM in [true, false] {
            let outcome = try ReadOutcome(made.bytes, stagesRAM: stagesRAM, in: try Scratch())
            #expect(outcome.error?.code == .inputDamaged, "\(json): \(outcome)")
        }
    }

    @Test("text that is not UTF-8 is ignored", arguments: [[0xff, 0xfe], [0xc3], [0x80]])
    func noText(bytes: [UInt8]) throws {
        let made = Self.stream { _ in
            Array(#"{"devices": [], "x": ""#.utf8) + bytes + Array("\"}".utf8)
        }
        try ReadStream(made.bytes, in: try Scratch()).check(made, "\(bytes)")
    }

    @Test("the description determines a device's end if its state looks like a footer")
    func ambiguous() throws {
        let scratch = try Scratch()
        // A footer of the same section, and bytes that look like the next section's header.
        let trap: [UInt8] = [9, 0x7e, 0, 0, 0, 5, 0x04, 0, 0, 0, 9, 1, 0x61] + [UInt8](1...9)
        for count in 0..<2 {
            var made = GeneratedStream()
            made.ramStart([("r", GeneratedImage(pageCount: 1))])
            made.ramSection(isLast: true) { stream in
                stream.record(.compressed, "r", 0, GeneratedImage.text(1))
            }
            made.device(GeneratedDevice("a", sectionID: 5, state: trap))
            if count == 1 { made.device(GeneratedDevice("b", sectionID: 6, state: [])) }
            made.finish()
            try ReadStream(made.bytes, in: scratch).check(made, "\(count) devices after it")
        }
    }

    /// The reader searches for the length with the first brace, and the length may contain a brace.
    @Test(
        "a description is found regardless of its length",
        arguments: [0x7b, 0x17b, 0x7b00, 0x7b7b, 0x17b00])
    func lengths(count: Int) throws {
        let trap: [UInt8] = [9, 0x7e, 0, 0, 0, 5, 0x04, 0, 0, 0, 9, 1, 0x61] + [UInt8](1...9)
        var made = GeneratedStream()
        made.ramStart([("r", GeneratedImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, GeneratedImage.text(1)) }
        made.device(GeneratedDevice("a", sectionID: 5, state: trap))
        var json = #"{"devices": [{"name": "a", "instance_id": 0, \#(Self.size("22"))}]}"#
        json = json.dropLast() + String(repeating: " ", count: count - json.utf8.count) + "}"
        made.finish(description: Array(json.utf8))
        #expect(json.utf8.count == count)
        try ReadStream(made.bytes, in: try Scratch()).check(made, "\(count) bytes")
    }

    @Test("very many devices are read, and refused if the description has others")
    func many() throws {
        for name in ["d", "e"] {
            var made = GeneratedStream()
            made.ramStart([("r", GeneratedImage(pageCount: 1))])
            made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, GeneratedImage.text(1)) }
            for number in 0..<20_000 {
                made.device(GeneratedDevice("d", sectionID: 5 + UInt32(number), state: []))
            }
            let device = #"{"name": "\#(name)", "instance_id": 0, "fields": []}"#
            let devices = String(repeating: device + ",", count: 19_999) + device
            made.finish(description: Array("{\"devices\": [\(devices)]}".utf8))
            let outcome = try ReadOutcome(made.bytes, in: try Scratch())
            if name == "d" {
                #expect(outcome.stream?.content.elements.count == 20_000 + 4)
            } else {
                #expect(outcome.error?.code == .inputDamaged)
            }
        }
    }
}
