import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Damaged device-state files")
struct DeviceStateDamageTests {
    private typealias Section = DeviceStateBuilder.Section

    /// A file, and one that has it as its base.
    private struct Pair {
        var builder: DeviceStateBuilder
        var sections: [Section]
        let baseSeal: DeviceStateSeal
        let seal: DeviceStateSeal

        /// Writes both files; one section is equal in both, and one differs in a byte.
        init() throws {
            var generator = Seeded(3)
            builder = try DeviceStateBuilder()
            sections = [
                Section("equal", Array(GeneratedImage.noise(&generator)[..<600])),
                Section("edited", Array(GeneratedImage.noise(&generator)[..<600])),
            ]
            baseSeal = try #require(try builder.write(sections, number: 1))
            sections[1].bytes[300] &+= 1
            seal = try #require(
                try builder.write(
                    sections, number: 2, base: try builder.open(1, baseSeal)))
            #expect(try builder.read(2, seal) == sections)
        }

        /// Reads the file that has a base; returns the error if that fails.
        func failure() -> SnapError? {
            do throws(SnapError) {
                let found = try builder.read(2, seal)
                #expect(found == sections)
                return nil
            } catch { return error }
        }
    }

    @Test("a changed byte anywhere in a file or its base is reported", .slow, arguments: [1, 2])
    func everyByte(number: Int) throws {
        let pair = try Pair()
        let intact = try bytes(of: pair.builder.path(number))
        for offset in intact.indices {
            var damaged = intact
            damaged[offset] ^= 0x10
            try write(damaged, to: pair.builder.path(number))
            let failure = pair.failure()
            #expect(failure?.isBadContent == true, "byte \(offset)")
            #expect(failure?.path == pair.builder.path(number), "byte \(offset)")
        }
        try write(intact, to: pair.builder.path(number))
        #expect(pair.failure() == nil)
    }

    @Test("a file or base that ends early anywhere is reported", .slow, arguments: [1, 2])
    func everyLength(number: Int) throws {
        let pair = try Pair()
        let intact = try bytes(of: pair.builder.path(number))
        for byteCount in 0..<intact.count {
            try write(Array(intact[..<byteCount]), to: pair.builder.path(number))
            #expect(pair.failure()?.code == .damaged, "\(byteCount) bytes")
        }
    }

    @Test("a missing base, and a file in its place, are reported with the base's path")
    func wrongBase() throws {
        var pair = try Pair()
        let path = pair.builder.path(1)
        let base = try bytes(of: path)
        try removeFile(path)
        #expect(
            pair.failure()?.message == "is missing, and the device state of checkpoint "
                + "golden:2 needs it")
        // Another file of the same number and id, the child itself, and another guest's file.
        _ = try pair.builder.write([Section("other", [1, 2, 3])], number: 1)
        #expect(pair.failure()?.message.hasPrefix("is not the file that") == true)
        try removeFile(path)
        try write(try bytes(of: pair.builder.path(2)), to: path)
        #expect(pair.failure()?.code == .damaged)
        try removeFile(path)
        try write(base, to: pair.builder.scratch.file("0000000001.devretired"))
        #expect(pair.failure() == nil)
    }

    @Test("a base that has a base itself is refused")
    func chain() throws {
        var pair = try Pair()
        let middle = try pair.builder.open(2, pair.seal)
        // A writer shares only with the clusters of this file, which are few.
        let seal = try #require(
            try pair.builder.write(
                pair.sections, number: 3, base: middle, isUnlimited: true))
        let error = #expect(throws: SnapError.self) { _ = try pair.builder.read(3, seal) }
        #expect(error?.code == .damaged && error?.path == pair.builder.path(2))
    }

    @Test("a section table with random changes is read correctly or refused", arguments: 0..<20)
    func hostileTables(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let pair = try Pair()
        let number = seed % 2 + 1
        let intact = try bytes(of: pair.builder.path(number))
        var refusedCount = 0
        for _ in 0..<100 {
            var (changed, seal) = (intact, pair.seal)
            Self.changeTable(of: &changed, &generator)
            seal = DeviceStateSeal(
                byteCount: changed.count, checksum: Checksums.trailerChecksum(of: changed))
            try write(changed, to: pair.builder.path(number))
            do throws(SnapError) {
                // The content's checksums stay, so what is read is right.
                let found = try pair.builder.read(number, seal)
                #expect(found.map(\.bytes.count).reduce(0, +) <= 1 << 20)
            } catch {
                #expect(error.isBadContent, "\(error)")
                refusedCount += 1
            }
        }
        #expect(refusedCount > 50)
    }

    /// Changes bytes of the section table, and recomputes all checksums.
    private static func changeTable(of file: inout [UInt8], _ generator: inout Seeded) {
        let trailer = file.count - 256
        let start = Int(Checksums.integer(file, at: trailer))
        let end = start + Int(Checksums.integer(file, at: trailer + 8))
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let place = Int.random(in: start..<end, using: &generator)
            file[place] = generator.choice([0, 1, 2, 0x7f, 0x80, 0xff, file[place] &+ 1])
        }
        Checksums.write(checksumOf: start..<end, to: trailer + 16, in: &file)
        Checksums.seal(trailer..<file.count, at: trailer + 216, in: &file)
    }
}
