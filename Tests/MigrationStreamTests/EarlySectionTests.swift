import SnapSystem
import TestSupport
import Testing

/// Tests of sections before the RAM's end, whose content a guest can choose.
@Suite("Sections before the RAM's end")
struct EarlySectionTests {
    private static let page = GeneratedImage.text(3)

    /// Returns bytes that look like the end of section `id`, the complete RAM of another stream,
    /// and the start of a section that extends to the next footer of section `last`.
    private static func trap(footerOf id: UInt32, to last: UInt32) -> [UInt8] {
        var other = GeneratedStream()
        let first = other.bytes.count
        other.ramStart([("r", GeneratedImage(pageCount: 1))], sectionID: 77)
        other.ramSection(isLast: true, sectionID: 77) { $0.record(.page, "r", 0, page.reversed()) }
        return [0x7e] <+> GeneratedStream.integer(id) <+> Array(other.bytes.dropFirst(first))
            <+> [0x04] <+> GeneratedStream.integer(last) <+> GeneratedStream.text("z")
            <+> [0, 0, 0, 0, 0, 0, 0, 1] <+> Array("hidden".utf8)
    }

    /// Returns a stream with a device before the RAM, or between its block list and its pages.
    private static func stream(
        _ early: GeneratedDevice, isAfterList: Bool, isDescribed: Bool = true
    ) -> GeneratedStream {
        var made = GeneratedStream()
        if !isAfterList { made.device(early) }
        made.ramStart([("r", GeneratedImage(pageCount: 2))])
        if isAfterList { made.device(early) }
        made.ramSection(isLast: false) { $0.record(.page, "r", 0, page) }
        made.command(11)
        made.ramSection(isLast: true) { $0.record(.zero, "r", 1, [0]) }
        made.device(GeneratedDevice("timer", sectionID: 40, state: [1, 2, 3]))
        made.finish(isDescribed: isDescribed)
        return made
    }

    @Test(
        "the description determines a section's length, regardless of its content",
        arguments: [false, true])
    func planted(isAfterList: Bool) throws {
        let scratch = try Scratch()
        for state in [[], [9], Self.trap(footerOf: 5, to: 40), Self.trap(footerOf: 5, to: 5)] {
            let early = GeneratedDevice("virtio-mem-early", sectionID: 5, state: state)
            let made = Self.stream(early, isAfterList: isAfterList)
            for isPiped in [false, true] {
                let what = "\(state.count) bytes, piped: \(isPiped)"
                try ReadStream(made.bytes, in: scratch, isPiped: isPiped).check(made, what)
                try ReadStream(made.bytes, stagesRAM: false, in: scratch, isPiped: isPiped)
                    .check(made, stagesRAM: false, what)
            }
        }
    }

    @Test("an early section without a description is unsupported", arguments: [false, true])
    func undescribed(isAfterList: Bool) throws {
        let early = GeneratedDevice("virtio-mem-early", sectionID: 5, state: [1, 2])
        let made = Self.stream(early, isAfterList: isAfterList, isDescribed: false)
        for isPiped in [false, true] {
            let outcome = try ReadOutcome(made.bytes, in: try Scratch(), isPiped: isPiped)
            #expect(outcome.error?.code == .unsupported)
            #expect(outcome.error?.message.contains("virtio-mem-early") == true)
        }
    }

    @Test("a section cannot supply a description to a stream that has none")
    func plantedDescription() throws {
        var inner = GeneratedStream()
        let first = inner.bytes.count
        inner.ramStart([("r", GeneratedImage(pageCount: 2))])
        inner.ramSection(isLast: true) { $0.record(.page, "r", 0, Self.page.reversed()) }
        inner.device(GeneratedDevice("timer", sectionID: 40, state: [1]))
        var early = GeneratedDevice("virtio-mem-early", sectionID: 5, state: [7])
        let json =
            #"{"page_size": 4096, "devices": [{"name": "virtio-mem-early", "instance_id": 0, "#
            + #""fields": [{"size": 1}]}, {"name": "timer", "instance_id": 0, "#
            + #""fields": [{"size": 1}]}]}"#
        early.state =
            [7] <+> [0x7e] <+> GeneratedStream.integer(5 as UInt32)
            <+> Array(inner.bytes.dropFirst(first)) <+> [0, 6]
            <+> GeneratedStream.integer(UInt32(json.utf8.count)) <+> Array(json.utf8)
        for isAfterList in [false, true] {
            let made = Self.stream(early, isAfterList: isAfterList, isDescribed: false)
            for isPiped in [false, true] {
                for tail in [[], [0, 0], [9]] as [[UInt8]] {
                    let outcome = try ReadOutcome(
                        made.bytes + tail, in: try Scratch(), isPiped: isPiped)
                    let code = try #require(outcome.error, "\(outcome)").code
                    #expect(code == .unsupported || code == .inputDamaged)
                }
            }
        }
    }

    @Test("a section with another length than in the description is refused")
    func wrongLength() throws {
        let scratch = try Scratch()
        for state in [[1, 2, 3], Self.trap(footerOf: 5, to: 40)] {
            for byteCount in [0, state.count - 1, state.count + 1, 77] {
                var early = GeneratedDevice("mem", sectionID: 5, state: state)
                early.fields = #""fields": [{"name": "x", "size": \#(byteCount)}]"#
                for isAfterList in [false, true] {
                    let made = Self.stream(early, isAfterList: isAfterList)
                    for isPiped in [false, true] {
                        let outcome = try ReadOutcome(made.bytes, in: scratch, isPiped: isPiped)
                        #expect(outcome.error?.code == .inputDamaged, "\(byteCount): \(outcome)")
                    }
                }
            }
        }
    }

    /// Returns a device's entry in a description.
    private static func described(_ name: String, _ byteCount: Int) -> String {
        #"{"name": "\#(name)", "instance_id": 0, "fields": [{"size": \#(byteCount)}]}"#
    }

    @Test("a stream whose devices differ from its description is refused")
    func disagreeing() throws {
        let scratch = try Scratch()
        for state in [[1, 2], Self.trap(footerOf: 5, to: 40), Self.trap(footerOf: 5, to: 41)] {
            let mem = Self.described("mem", state.count)
            let (timer, other) = (Self.described("timer", 3), Self.described("other", 1))
            // The entries that would match if the false RAM in the trap were the stream's.
            let hidden = Self.described("z", state.count), short = Self.described("mem", 0)
            let lists = [
                [], [mem], [timer, other], [mem, timer], [mem, other], [mem, timer, other, other],
                [mem, other, timer], [timer, mem, other], [mem, timer, Self.described("other", 2)],
                [mem, timer, Self.described("other", 0)], [short, timer, other],
                [Self.described("ram", 0), mem, timer, other], [mem, timer, other, hidden],
                [mem, Self.described("ram", 8), timer, other], [short, hidden], [short, other],
            ]
            for isAfterList in [false, true] {
                for (index, list) in ([[mem, timer, other]] + lists).enumerated() {
                    var made = GeneratedStream()
                    let early = GeneratedDevice("mem", sectionID: 5, state: state)
                    if !isAfterList { made.device(early) }
                    made.ramStart([("r", GeneratedImage(pageCount: 2))])
                    if isAfterList { made.device(early) }
                    made.ramSection(isLast: true) { $0.record(.page, "r", 0, Self.page) }
                    made.device(GeneratedDevice("timer", sectionID: 40, state: [1, 2, 3]))
                    made.device(GeneratedDevice("other", sectionID: 41, state: [4]))
                    made.finish(
                        description: Array(
                            #"{"devices": [\#(list.joined(separator: ", "))]}"#.utf8))
                    for (isPiped, stagesRAM) in [(false, true), (true, true), (false, false)] {
                        let outcome = try ReadOutcome(
                            made.bytes, stagesRAM: stagesRAM, in: scratch, isPiped: isPiped)
                        let code = outcome.error?.code
                        #expect(code == (index == 0 ? nil : .inputDamaged), "\(list): \(outcome)")
                    }
                }
            }
        }
    }

    @Test("a stream without the RAM's last section is refused")
    func unendedRAM() throws {
        var made = GeneratedStream()
        made.ramStart([("r", GeneratedImage(pageCount: 2))])
        made.device(GeneratedDevice("timer", sectionID: 40, state: [1, 2, 3]))
        made.finish()
        for isPiped in [false, true] {
            let outcome = try ReadOutcome(made.bytes, in: try Scratch(), isPiped: isPiped)
            #expect(outcome.error?.code == .inputDamaged, "\(outcome)")
        }
    }

    @Test("an unknown device's sections are accepted before the RAM, and refused around it")
    func unknownIterable() throws {
        let scratch = try Scratch()
        for isAround in [false, true] {
            var made = GeneratedStream()
            var device = GeneratedDevice("vendor/state", sectionID: 6, state: [1, 0x7e, 2])
            made.iterableStart(device)
            device.state = []
            made.iterablePart(device, isLast: false)
            if !isAround { made.iterablePart(device, isLast: true) }
            made.ramStart([("r", GeneratedImage(pageCount: 1))])
            made.ramSection(isLast: true) { $0.record(.page, "r", 0, Self.page) }
            if isAround { made.iterablePart(device, isLast: true) }
            made.device(GeneratedDevice("timer", sectionID: 40, state: [1]))
            made.finish()
            let outcome = try ReadOutcome(made.bytes, in: scratch)
            if isAround {
                // The first section could also end at the device's last footer and contain the RAM.
                #expect(outcome.error?.code == .inputDamaged, "\(outcome)")
            } else {
                try #require(outcome.stream).check(made, "before the RAM")
            }
        }
    }

    @Test("very many sections of one device are one element", .slow)
    func manySections() throws {
        var made = GeneratedStream()
        made.ramStart([("r", GeneratedImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.page, "r", 0, Self.page) }
        var device = GeneratedDevice("dirty-bitmap", sectionID: 6, state: [0x01])
        made.iterableStart(device)
        for index in 0..<70_000 {
            device.state = index % 2 == 0 ? [0x01] : [0x20, 0x01]
            made.iterablePart(device, isLast: index == 69_999)
        }
        made.finish()
        for name in ["dirty-bitmap", "vendor/bitma"] {
            // The reader searches for an unknown device's sections, in time linear in their length.
            let bytes = made.bytes.replacing(Array("dirty-bitmap".utf8), with: Array(name.utf8))
            let read = try ReadStream(bytes, in: try Scratch())
            #expect(read.content.elements.count == 5, "\(name)")
            #expect(try read.ram() == made.ram, "\(name)")
        }
    }

    @Test("unsent pages are distinguished from zero pages")
    func unsent() throws {
        var made = GeneratedStream()
        made.ramStart([("r", GeneratedImage(pageCount: 1030)), ("s", GeneratedImage(pageCount: 3))])
        made.ramSection(isLast: true) { stream in
            for page in [0, 1, 5, 1029] { stream.record(.zero, "r", page, [0]) }
            for page in 512..<1024 { stream.record(.zero, "r", page, [0]) }
            stream.record(.page, "r", 5, Self.page)
            for page in 0..<3 { stream.record(.zero, "s", page, [0]) }
        }
        made.finish()
        let read = try ReadStream(made.bytes, in: try Scratch())
        #expect(read.content.unsentRuns == [[2..<5, 6..<512, 1024..<1029], []])
        try read.check(made, "unsent")
    }
}
