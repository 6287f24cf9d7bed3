import Foundation
import SystemPackage
import TestSupport
import Testing

/// Four phases of a real 128 MiB guest, from the archive that `SNAP_CORPUS` names.
@Suite("A real guest", .serialized)
struct RecordedGuestTests {
    private static let archive = ProcessInfo.processInfo.environment["SNAP_CORPUS"]

    /// Unpacks the raw images; nil, and a word of it, if there is no archive.
    private static func unpack(into scratch: Scratch) throws -> [FilePath]? {
        guard let archive else {
            print("not run: SNAP_CORPUS names no archive of recorded guests")
            return nil
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "zstd -q -d --long=30 -c \"$0\" | tar -x --sparse -C \"$1\" --wildcards '*.mem'",
            archive, scratch.path.string,
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return (1...4).map { scratch.file("phase\($0).mem") }
    }

    private static func isEqual(_ left: FilePath, _ right: FilePath) -> Bool {
        FileManager.default.contentsEqual(atPath: left.string, andPath: right.string)
    }

    @Test("four phases, and the first again: counts, sizes, and every byte back")
    func phases() throws {
        let command = try Command()
        guard let images = try Self.unpack(into: command.scratch) else { return }
        let expected = [(22_150, 0), (6_236, 2), (311, 4), (2_823, 16)]
        for (level, jobs) in [(1, 2), (0, 8), (6, 1)] {
            let guest = "level\(level)"
            for (image, (changed, becameZero)) in zip(images, expected) {
                let saved = try command.run(
                    "save", image.string, "--guest", guest, "--level", "\(level)", "--jobs",
                    "\(jobs)", "--json")
                #expect(saved.status == 0, "\(saved.errors)")
                let pages = saved.pages
                let found = ["literal", "delta", "duplicate"].reduce(0) { $0 + (pages[$1] ?? 0) }
                #expect(found == changed && pages["becameZero"] == becameZero)
                #expect(pages["total"] == 32768)
            }
            let again = try command.run(
                "save", images[0].string, "--guest", guest, "--level", "\(level)", "--json")
            #expect(again.status == 0)
            let unchanged = try command.run("save", images[0].string, "--guest", guest, "--json")
            #expect(unchanged.json["storedByteCount"] as? Int ?? Int.max < 8192)
            for (number, image) in [
                (4, images[3]), (1, images[0]), (5, images[0]), (3, images[2]), (2, images[1]),
            ] {
                let restored = try command.run(
                    "restore", "\(guest):\(number)", "out", "--jobs", "\(jobs)")
                #expect(restored.status == 0, "\(restored.errors)")
                #expect(Self.isEqual(command.scratch.file("out"), image))
                try FileManager.default.removeItem(atPath: command.scratch.file("out").string)
            }
        }
    }
}
