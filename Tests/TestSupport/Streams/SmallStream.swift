/// Streams with few bytes, one of each form, so that a test can change each byte.
package enum SmallStream: String, CaseIterable, Sendable {
    case plain
    case compressed
    case xbzrle
    case mapped
    case background
    case early
    case iterable
    case undescribed
    case withoutFooters
    case withoutFootersUndescribed
    case ignoreShared
    case configured
    case postcopyAdvised

    /// Whether the stream contains pages.
    package var hasRAM: Bool { self != .ignoreShared }

    private var configuration: GeneratedStream.Configuration {
        var configuration = GeneratedStream.Configuration()
        configuration.machine = "pc"
        switch self {
        case .mapped: configuration.capabilities = ["mapped-ram"]
        case .ignoreShared: configuration.capabilities = ["x-ignore-shared"]
        case .withoutFooters, .withoutFootersUndescribed: configuration.machine = nil
        case .configured:
            configuration.pageBits = 12
            configuration.capabilities = ["a", "b"]
            configuration.uuid = Array(1...16)
        default: break
        }
        return configuration
    }

    /// Generates the stream.
    ///
    /// - Parameter offset: The offset of the stream in its file, in bytes.
    /// - Returns: The complete stream.
    package func made(at offset: Int = 0) -> GeneratedStream {
        var configuration = configuration
        configuration.fileOffset = offset
        var stream = GeneratedStream(configuration)
        if self == .early {
            stream.device(GeneratedDevice("mem", sectionID: 7, state: [1, 2, 3]))
        }
        if self == .postcopyAdvised { stream.command(3, [UInt8](repeating: 0, count: 16)) }
        var image = GeneratedImage(pageCount: 2)
        image.pages[1] = GeneratedImage.text(1)
        stream.ramStart([("ram0", image), ("rom", GeneratedImage(pageCount: 1))])
        // Three sections of a dirty bitmap in QEMU's format: its start, 8 bits, and its completion.
        let start: [UInt8] = [0x1c, 1, 0x64, 1, 0x62, 0, 1, 0, 0, 1, 0x01]
        var dirty = GeneratedDevice("dirty-bitmap", sectionID: 5, state: start)
        if self == .iterable { stream.iterableStart(dirty) }
        stream.ramSection(isLast: false) { stream in
            if self == .ignoreShared {
                stream.record(.zero, "rom", 0, [UInt8](repeating: 0, count: 4096))
            } else if !stream.isMapped {
                addRecords(&stream)
            }
        }
        dirty.state = [0x40] + [UInt8](repeating: 0, count: 19) + [1, 0xaa, 0x01]
        if self == .iterable { stream.iterablePart(dirty, isLast: false) }
        stream.command(11)
        if self != .background { stream.ramSection(isLast: true) }
        dirty.state = [0x20, 0x01]
        if self == .iterable { stream.iterablePart(dirty, isLast: true) }
        stream.device(GeneratedDevice("timer", sectionID: 3, state: [0x7e, 0, 0, 0, 3]))
        var second = GeneratedDevice("cpu", sectionID: 4, state: [5, 0x05, 1, 0x61, 0, 0, 0, 1, 6])
        second.fields =
            #""fields": [{"size": 1}], "subsections": [{"vmsd_name": "a", "#
            + #""fields": [{"size": 1}]}]"#
        stream.device(second)
        stream.finish(
            isDescribed: self != .undescribed && self != .withoutFootersUndescribed,
            padding: self == .plain ? 3 : 0)
        return stream
    }

    private func addRecords(_ stream: inout GeneratedStream) {
        let text = GeneratedImage.text(2)
        let zero = [UInt8](repeating: 0, count: 4096)
        stream.record(self == .plain ? .page : .compressed, "ram0", 0, text)
        stream.record(.zero, "ram0", 1, zero)
        stream.record(.zero, "rom", 0, zero)
        if self == .xbzrle {
            var new = text
            new[100] = 0xaa
            new[4095] = 0xbb
            stream.record(.xbzrle, "ram0", 0, new)
            stream.record(.xbzrle, "ram0", 1, text.map { $0 == text[0] ? 1 : 0 })
        }
    }
}
