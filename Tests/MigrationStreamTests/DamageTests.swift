import SnapSystem
import TestSupport
import Testing

@Suite("Damaged streams")
struct DamageTests {
    /// Returns the values of `stagesRAM` with which a stream can be read.
    private static func readings(_ form: SmallStream) -> [Bool] {
        form == .mapped ? [true] : form.hasRAM ? [true, false] : [false]
    }

    @Test(
        "a truncated stream is refused unless the cut is after its end mark",
        .slow,
        arguments: SmallStream.allCases)
    func truncations(form: SmallStream) throws {
        let made = form.made()
        let scratch = try Scratch()
        let end = try #require(made.elements.last).range.lowerBound
        for stagesRAM in Self.readings(form) {
            let complete = try ReadStream(made.bytes, stagesRAM: stagesRAM, in: scratch)
            for count in made.bytes.indices {
                let what = "\(form) cut to \(count) bytes"
                let outcome = try ReadOutcome(
                    Array(made.bytes.prefix(count)), stagesRAM: stagesRAM, in: scratch)
                switch outcome {
                case .refused(let error):
                    // A stream with a device before its RAM is unsupported without its description.
                    let isEarly = form == .early && error.code == .unsupported
                    #expect(error.code == .inputDamaged || isEarly, "\(what): \(error)")
                    // The reader looks for mapped pages at their offsets, perhaps past the cut.
                    let last = form == .mapped ? max(end, count) : count
                    #expect((0...last).contains(error.offset ?? -1), "\(what): \(error)")
                    #expect(count != end + 1 || isEarly, "\(what): \(error)")
                case .read(let read):
                    // The description and zeros follow the end mark. Without footers a zero in a
                    // device's state looks like the end mark.
                    #expect(
                        count > end || !made.hasFooters && made.bytes[count - 1] == 0,
                        "\(what) was read")
                    #expect(try read.ram() == complete.ram(), "\(what)")
                    #expect(complete.kept.starts(with: read.kept), "\(what)")
                }
            }
        }
    }

    @Test(
        "a stream with a changed byte is refused or read consistently",
        .slow,
        arguments: SmallStream.allCases)
    func flips(form: SmallStream) throws {
        let made = form.made()
        let scratch = try Scratch()
        var generator = Seeded(77)
        var refused = 0
        for offset in made.bytes.indices {
            // The reader treats all bytes of a page alike, so a few of them suffice.
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

    /// Reads a damaged stream with its RAM staged and with its RAM kept, and compares the results.
    ///
    /// - Returns: Whether both readings refuse the stream.
    private static func isRefused(
        _ bytes: [UInt8], like made: GeneratedStream, _ form: SmallStream, in scratch: Scratch,
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
            #expect(kept.kept == kept.withoutStrayBytes(bytes), "\(what)")
            if let staged = staged.stream {
                // The staged reading keeps the same bytes, except the sections of RAM.
                let rest = kept.content.elements.filter { $0.kind != .ram && $0.kind != .ramStart }
                    .flatMap { kept.kept[$0.range] }
                #expect(staged.kept == rest, "\(what)")
            } else if form.hasRAM {
                // Only the reading with staged RAM refuses a stream that lacks its RAM.
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
        let made = GeneratedStream.random(&generator)
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
                    #expect(read.kept == read.withoutStrayBytes(bytes), "\(what)")
                }
            }
        }
    }
}
