import SnapSystem
import TestSupport
import Testing

@Suite("Damaged streams")
struct DamageTests {
    /// The forms in which a stream can be read: with its RAM staged, or all of it kept.
    private static func readings(_ form: SmallStream) -> [Bool] {
        form == .mapped ? [true] : form.hasRAM ? [true, false] : [false]
    }

    @Test(
        "a cut anywhere is found, unless the end mark is before it",
        arguments: SmallStream.allCases)
    func truncations(form: SmallStream) throws {
        let made = form.made()
        let scratch = try Scratch()
        let end = try #require(made.elements.last).range.lowerBound
        for stagesRAM in Self.readings(form) {
            let whole = try ReadStream(made.bytes, stagesRAM: stagesRAM, in: scratch)
            for count in made.bytes.indices {
                let what = "\(form) cut to \(count) bytes"
                let outcome = try ReadOutcome(
                    Array(made.bytes.prefix(count)), stagesRAM: stagesRAM, in: scratch)
                switch outcome {
                case .refused(let error):
                    // Without its description a stream cannot have a device before its RAM.
                    let isEarly = form == .early && error.code == .unsupported
                    #expect(error.code == .inputDamaged || isEarly, "\(what): \(error)")
                    // What is mapped is looked for at its place.
                    let last = form == .mapped ? max(end, count) : count
                    #expect((0...last).contains(error.offset ?? -1), "\(what): \(error)")
                    #expect(count != end + 1 || isEarly, "\(what): \(error)")
                case .read(let read):
                    // The description and zeros are behind the end mark. Without footers nothing
                    // tells a zero of a device's state from that mark.
                    #expect(
                        count > end || !made.hasFooters && made.bytes[count - 1] == 0,
                        "\(what) was read")
                    #expect(try read.ram() == whole.ram(), "\(what)")
                    #expect(whole.kept.starts(with: read.kept), "\(what)")
                }
            }
        }
    }

    @Test("any changed byte is refused or believed, never more", arguments: SmallStream.allCases)
    func flips(form: SmallStream) throws {
        let made = form.made()
        let scratch = try Scratch()
        var generator = Seeded(77)
        var refused = 0
        for offset in made.bytes.indices {
            // A page's bytes are all alike to the reader.
            if made.payloads.contains(where: { $0.contains(offset) }) && offset % 97 != 0 {
                continue
            }
            let bit = UInt8(1 << Int.random(in: 0..<8, using: &generator))
            for mask in [0xff, bit] {
                var bytes = made.bytes
                bytes[offset] ^= mask
                let what = "\(form), byte \(offset) of \(bytes.count) with bits \(mask)"
                if try Self.isRefused(bytes, like: made, form, in: scratch, what) { refused += 1 }
            }
        }
        #expect(refused > 100)
    }

    /// Reads a damaged stream in both forms and compares what is made of it.
    ///
    /// - Returns: Whether the damage was found.
    private static func isRefused(
        _ bytes: [UInt8], like made: MadeUpStream, _ form: SmallStream, in scratch: Scratch,
        _ what: String
    ) throws -> Bool {
        let staged = try ReadOutcome(bytes, in: scratch)
        let kept = try ReadOutcome(bytes, stagesRAM: false, in: scratch)
        for outcome in [staged, kept] {
            if let error = outcome.error {
                #expect([.inputDamaged, .unsupported].contains(error.code), "\(what): \(error)")
                #expect(error.offset != nil && error.path != nil, "\(what): \(error)")
            } else {
                #expect(outcome.stream?.hasNoGaps == true, "\(what)")
            }
        }
        if let kept = kept.stream {
            #expect(kept.kept == kept.wanted(of: bytes), "\(what)")
            if let staged = staged.stream {
                // Without the sections of RAM that one of them found, it is what the other kept.
                let rest = kept.content.elements.filter { $0.kind != .ram && $0.kind != .ramStart }
                    .flatMap { kept.kept[$0.range] }
                #expect(staged.kept == rest, "\(what)")
            } else if form.hasRAM {
                // Only streams that lack RAM are read in this form alone.
                #expect(staged.error?.code == .unsupported, "\(what): \(staged.error as Any)")
            }
        } else if let staged = staged.stream {
            #expect(
                staged.content.configuration.capabilities.contains("mapped-ram"), "\(what)")
        }
        return staged.error != nil && kept.error != nil
    }

    @Test("random damage to random streams never traps", arguments: 0..<40)
    func random(seed: Int) throws {
        var generator = Seeded(3000 + UInt64(seed))
        let made = MadeUpStream.random(&generator)
        let scratch = try Scratch()
        for round in 0..<12 {
            var bytes = made.bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let first = Int.random(in: 0..<bytes.count, using: &generator)
                let last = min(
                    bytes.count, first + Int.random(in: 0..<12, using: &generator))
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes.removeSubrange(first..<last)
                case 1: bytes.insert(contentsOf: bytes[first..<last], at: first)
                case 2:
                    for index in first..<last {
                        bytes[index] = [0, 0xff].randomElement(using: &generator) ?? 0
                    }
                default:
                    let from = Int.random(in: 0..<bytes.count, using: &generator)
                    for index in first..<last { bytes[index] = bytes[(from + index) % bytes.count] }
                }
            }
            let what = "seed \(seed), round \(round)"
            for stagesRAM in [true, false] {
                let outcome = try ReadOutcome(bytes, stagesRAM: stagesRAM, in: scratch)
                if let error = outcome.error {
                    #expect(
                        [.inputDamaged, .unsupported].contains(error.code), "\(what): \(error)")
                }
                #expect(outcome.stream?.hasNoGaps != false, "\(what)")
                if let read = outcome.stream, !stagesRAM {
                    #expect(read.kept == read.wanted(of: bytes), "\(what)")
                }
            }
        }
    }
}
