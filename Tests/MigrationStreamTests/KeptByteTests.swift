import SnapSystem
import TestSupport
import Testing

@Suite("The limit on kept bytes")
struct KeptByteTests {
    private static func stream(isEarly: Bool = false) -> GeneratedStream {
        var made = GeneratedStream()
        if isEarly { made.device(GeneratedDevice("mem", sectionID: 5, state: [1, 2])) }
        made.ramStart([("r", GeneratedImage(pageCount: 40))])
        made.ramSection(isLast: true) { stream in
            for page in 0..<40 { stream.record(.page, "r", page, GeneratedImage.text(page)) }
        }
        made.device(
            GeneratedDevice("timer", sectionID: 40, state: [UInt8](repeating: 9, count: 9000)))
        made.finish()
        return made
    }

    private static func error(
        _ made: GeneratedStream, _ limit: Int, stagesRAM: Bool = true, isPiped: Bool
    ) throws -> SnapError? {
        do {
            _ = try ReadStream(
                made.bytes, stagesRAM: stagesRAM, in: try Scratch(), isPiped: isPiped,
                keptByteCountMax: limit)
            return nil
        } catch let error as SnapError { return error }
    }

    @Test("kept bytes have a limit, which does not apply to staged RAM")
    func limit() throws {
        let made = Self.stream()
        for (stagesRAM, count) in [(true, made.bytesWithoutRAM.count), (false, made.bytes.count)] {
            for isPiped in [false, true] {
                let fits = try Self.error(made, count, stagesRAM: stagesRAM, isPiped: isPiped)
                #expect(fits == nil)
                let found = try Self.error(made, count - 1, stagesRAM: stagesRAM, isPiped: isPiped)
                let error = try #require(found)
                #expect(error.code == .inputDamaged)
                #expect(error.offset == made.bytes.count - 1)
                #expect(error.message.contains("expected at most \(count - 1)"), "\(error)")
                #expect(error.hint != nil)
            }
        }
    }

    @Test("all bytes from a pipe count if a device is before the RAM")
    func early() throws {
        let made = Self.stream(isEarly: true)
        #expect(try Self.error(made, made.bytesWithoutRAM.count, isPiped: false) == nil)
        #expect(try Self.error(made, made.bytes.count, isPiped: true) == nil)
        let error = try Self.error(made, made.bytes.count - 1, isPiped: true)
        #expect(error?.code == .inputDamaged)
    }

    @Test("kept zeros take no space", arguments: [0, 5, 100_000])
    func zeros(tail: Int) throws {
        let state = [UInt8](repeating: 0, count: 4 << 20) + [UInt8](repeating: 1, count: tail)
        var made = GeneratedStream()
        made.ramStart([("r", GeneratedImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.page, "r", 0, GeneratedImage.text(1)) }
        made.device(GeneratedDevice("timer", sectionID: 40, state: state))
        made.finish(isDescribed: false)
        for isPiped in [false, true] {
            let read = try ReadStream(made.bytes, in: try Scratch(), isPiped: isPiped)
            try read.check(made, "\(tail)")
            var byteCount = 0
            var place = 0
            while let data = read.content.bytes.file.data(from: place) {
                byteCount += data.count
                place = data.upperBound
            }
            #expect(byteCount < 3 << 20, "\(byteCount)")
        }
    }

    @Test("a described device that exceeds the limit is refused")
    func described() throws {
        let made = Self.stream()
        let error = try Self.error(made, 5000, isPiped: false)
        #expect(error?.code == .inputDamaged)
    }
}
