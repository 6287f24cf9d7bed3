import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Device-state files")
struct DeviceStateTests {
    private typealias Section = DeviceStateBuilder.Section

    private static func content(_ byteCount: Int, _ generator: inout Seeded) -> [UInt8] {
        let noise = GeneratedImage.noise(&generator)
        return (0..<byteCount).map {
            noise[$0 % noise.count] &+ UInt8(truncatingIfNeeded: $0 >> 12)
        }
    }

    /// Generates the sections of a guest, some of which have the same name and instance.
    private static func sections(_ generator: inout Seeded) -> [Section] {
        (0..<Int.random(in: 1...40, using: &generator)).map { _ in
            let byteCount = generator.choice([
                0, 1, 3, 20, 300, 300, 300, 5000, 65_535, 65_536, 65_537, 200_000,
            ])
            return Section(
                generator.choice(["cpu", "timer", "serial", "ram"]),
                instance: UInt32.random(in: 0...2, using: &generator),
                content(byteCount, &generator))
        }
    }

    /// Changes sections as a working guest does, and sometimes more.
    private static func edit(_ sections: [Section], _ generator: inout Seeded) -> [Section] {
        var edited = sections
        for index in edited.indices {
            switch Int.random(in: 0..<12, using: &generator) {
            case 0: edited[index].bytes = content(edited[index].bytes.count, &generator)
            case 1: edited[index].bytes += [1, 2, 3]
            case 2:
                edited[index] = Section(
                    edited[index].identity.name, instance: edited[index].identity.instanceID,
                    version: 2, edited[index].bytes)
            case 3..<6:
                guard !edited[index].bytes.isEmpty else { continue }
                for _ in 0..<Int.random(in: 1...20, using: &generator) {
                    let place = Int.random(in: 0..<edited[index].bytes.count, using: &generator)
                    edited[index].bytes[place] &+= 1
                }
            default: continue
            }
        }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: edited.removeFirst()
        case 1: edited.append(Section("new", content(300, &generator)))
        case 2: edited.swapAt(0, edited.count - 1)
        default: break
        }
        return edited
    }

    @Test("random device states are read exactly, with and without a base", arguments: 0..<40)
    func roundTrip(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        var builder = try DeviceStateBuilder()
        let first = Self.sections(&generator)
        let firstSeal = try #require(
            try builder.write(first, number: 1, compression: Builder.compressions[seed % 6]))
        #expect(try builder.read(1, firstSeal) == first)
        let base = try builder.open(1, firstSeal)
        var files = [(sections: first, file: base)]
        for number in 2...4 {
            let sections = Self.edit(first, &generator)
            guard let seal = try builder.write(sections, number: number, base: base) else {
                continue
            }
            #expect(try builder.read(number, seal) == sections, "file \(number)")
            let file = try builder.open(number, seal)
            #expect(file.base == base.reference)
            var verifier = DeviceStateVerifier()
            try verifier.check(file)
            try verifier.check(base)
            files.append((sections, file))
        }
        try Self.compareAll(files)
    }

    /// Compares each section with the one at the same place in each other file.
    private static func compareAll(
        _ files: [(sections: [Section], file: DeviceStateFile)]
    ) throws {
        for left in files {
            for right in files {
                var leftReader = DeviceStateReader(left.file)
                var rightReader = DeviceStateReader(right.file)
                for index in 0..<min(left.sections.count, right.sections.count) {
                    let (mine, theirs) = (left.sections[index], right.sections[index])
                    let (a, b) = (mine.bytes[mine.state], theirs.bytes[theirs.state])
                    let expected =
                        zip(a, b).count { $0 != $1 } + max(a.count, b.count) - min(a.count, b.count)
                    let found = try leftReader.differingByteCount(
                        of: left.file.states[0].sections[index],
                        from: right.file.states[0].sections[index], in: &rightReader)
                    #expect(found == expected, "section \(index)")
                }
            }
        }
    }

    @Test("a file that shares little is not written, one that shares much is small")
    func size() throws {
        var generator = Seeded(1)
        var builder = try DeviceStateBuilder()
        var sections = (0..<40).map {
            Section("device", instance: $0, Self.content(2000, &generator))
        }
        let seal = try #require(try builder.write(sections, number: 1))
        let base = try builder.open(1, seal)
        sections[7].bytes[100] &+= 1
        let sharing = try #require(try builder.write(sections, number: 2, base: base))
        #expect(sharing.byteCount < 512 + 256 + 250)
        for index in 0..<20 { sections[index].bytes = Self.content(2000, &generator) }
        #expect(try builder.write(sections, number: 3, base: base) == nil)
        #expect(try !names(in: builder.scratch.path).contains("0000000003.devstate"))
    }
}
