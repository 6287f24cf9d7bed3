import Foundation
import TestSupport
import Testing

@Suite("The description at a stream's end")
struct DescriptionTests {
    /// A stream with two devices, one of whose states looks like the end of a section.
    private static func stream(_ description: (MadeUpStream) -> [UInt8]?) -> MadeUpStream {
        var made = MadeUpStream()
        made.ramStart([("r", MadeUpImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, MadeUpImage.text(1)) }
        made.device(MadeUpDevice("a", sectionID: 5, state: [1, 2, 3]))
        made.device(MadeUpDevice("b", sectionID: 6, state: [4]))
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

    /// Texts that are no description of devices.
    private static let senseless: [String] = [
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

    /// Descriptions of the devices that are there, with wrong lengths or none.
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

    /// Descriptions of other devices than are there.
    private static let others: [String] = [
        #"{"devices": []}"#, #"{"devices": [{"name": "a", "instance_id": 0}]}"#,
        #"{"devices": [{"name": "b", "instance_id": 0}, {"name": "a", "instance_id": 0}]}"#,
        #"{"devices": [{"name": "a", "instance_id": 0}, {"name": "b", "instance_id": 1}]}"#,
        devices(size("3"), size("1") + #"}, {"name": "c", "instance_id": 0"#),
    ]

    /// A description of other devices than are there, with something beside them that is nested.
    private static func nested(_ depth: Int) -> String {
        let left = String(repeating: "[", count: depth - 1)
        let right = String(repeating: "]", count: depth - 1)
        return #"{"x": \#(left)\#(right), "devices": []}"#
    }

    @Test(
        "text that is none leaves it to the footers to tell the devices apart",
        arguments: senseless.indices)
    func noDescription(index: Int) throws {
        // By number, because a text of 100,000 brackets is no name for a test.
        let json = Self.senseless[index]
        let made = Self.stream { _ in Array(json.utf8) }
        let scratch = try Scratch()
        try ReadStream(made.bytes, in: scratch).check(made, json.prefix(80).description)
        try ReadStream(made.bytes, stagesRAM: false, in: scratch)
            .check(made, stagesRAM: false, json.prefix(80).description)
    }

    /// One that is read and wrong is refused, one that is not read is not missed.
    @Test("it may be nested so deeply, and is not read if it is nested more")
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
        "one that names other devices, or other lengths, is refused",
        arguments: others + wrongLengths)
    func otherDevices(json: String) throws {
        let made = Self.stream { _ in Array(json.utf8) }
        for stagesRAM in [true, false] {
            let outcome = try ReadOutcome(made.bytes, stagesRAM: stagesRAM, in: try Scratch())
            #expect(outcome.error?.code == .inputDamaged, "\(json): \(outcome)")
        }
    }

    @Test("text that is no UTF-8 is no description", arguments: [[0xff, 0xfe], [0xc3], [0x80]])
    func noText(bytes: [UInt8]) throws {
        let made = Self.stream { _ in
            Array(#"{"devices": [], "x": ""#.utf8) + bytes + Array("\"}".utf8)
        }
        try ReadStream(made.bytes, in: try Scratch()).check(made, "\(bytes)")
    }

    @Test("it alone finds a device's end where its state looks like a footer")
    func ambiguous() throws {
        let scratch = try Scratch()
        // A footer of the same section, and what could be the next one's header.
        let trap: [UInt8] = [9, 0x7e, 0, 0, 0, 5, 0x04, 0, 0, 0, 9, 1, 0x61] + [UInt8](1...9)
        for count in 0..<2 {
            var made = MadeUpStream()
            made.ramStart([("r", MadeUpImage(pageCount: 1))])
            made.ramSection(isLast: true) { stream in
                stream.record(.compressed, "r", 0, MadeUpImage.text(1))
            }
            made.device(MadeUpDevice("a", sectionID: 5, state: trap))
            if count == 1 { made.device(MadeUpDevice("b", sectionID: 6, state: [])) }
            made.finish()
            try ReadStream(made.bytes, in: scratch).check(made, "\(count) devices behind it")
        }
    }

    /// Its length is searched for with its first brace, and may have a brace itself.
    @Test("it is found whatever its length", arguments: [0x7b, 0x17b, 0x7b00, 0x7b7b, 0x17b00])
    func lengths(count: Int) throws {
        let trap: [UInt8] = [9, 0x7e, 0, 0, 0, 5, 0x04, 0, 0, 0, 9, 1, 0x61] + [UInt8](1...9)
        var made = MadeUpStream()
        made.ramStart([("r", MadeUpImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, MadeUpImage.text(1)) }
        made.device(MadeUpDevice("a", sectionID: 5, state: trap))
        var json = #"{"devices": [{"name": "a", "instance_id": 0, \#(Self.size("22"))}]}"#
        json = json.dropLast() + String(repeating: " ", count: count - json.utf8.count) + "}"
        made.finish(description: Array(json.utf8))
        #expect(json.utf8.count == count)
        try ReadStream(made.bytes, in: try Scratch()).check(made, "\(count) bytes")
    }

    @Test("very many devices are read, and refused if it names others")
    func many() throws {
        for name in ["d", "e"] {
            var made = MadeUpStream()
            made.ramStart([("r", MadeUpImage(pageCount: 1))])
            made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, MadeUpImage.text(1)) }
            for number in 0..<20_000 {
                made.device(MadeUpDevice("d", sectionID: 5 + UInt32(number), state: []))
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
