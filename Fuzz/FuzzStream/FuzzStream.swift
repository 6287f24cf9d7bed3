// Fuzzes the reader of QEMU's migration streams with libFuzzer.
//
//     fuzz-stream seeds DIR     writes the initial corpus
//     fuzz-stream OPTION...     runs libFuzzer with its options and corpus directories

import CFuzzer
import Foundation
import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import TestSupport

/// Crashes with a message unless a condition holds, because libFuzzer detects only crashes.
private func require(_ condition: Bool, _ what: String) {
    if !condition { fatalError(what) }
}

/// The result of reading some bytes.
private struct Reading {
    let content: StreamContent
    let kept: [UInt8]

    /// Reads the bytes; nil if the reader refuses them with a permitted error that has a path.
    init?(_ path: FilePath, stagesRAM: Bool) {
        do throws(SnapError) {
            let directory = Directory(Fuzz.scratch.path, .kernel)
            content = try StreamReader(
                StreamSource(SharedFile(File(input: path, .kernel))), scratch: directory,
                stagesRAM: stagesRAM
            ).read().0
            let file = content.bytes
            kept = try file.file.read(byteCount: try file.file.status().byteCount, at: 0)
        } catch {
            // The file system may not support a length of up to 16 TiB.
            let codes: [SnapError.Code] = [.inputDamaged, .unsupported, .inputOutput]
            require(codes.contains(error.code) && error.path != nil, "\(error)")
            return nil
        }
        var end = 0
        for element in content.elements {
            require(element.range.lowerBound == end, "gap at \(end)")
            end = element.range.upperBound
            require(element.state.upperBound <= element.range.count, "state outside")
        }
        require(end == kept.count, "\(end) of \(kept.count) bytes are in elements")
    }
}

private enum Fuzz {
    static let scratch: Scratch = {
        do { return try Scratch() } catch { fatalError("\(error)") }
    }()

    /// Reads an input with its RAM staged and with its RAM kept.
    ///
    /// The kept bytes must be those of the input, up to the end of the stream.
    static func test(_ bytes: [UInt8]) {
        do {
            let path = try scratch.write(bytes, to: "input")
            let staged = Reading(path, stagesRAM: true)
            guard let complete = Reading(path, stagesRAM: false) else { return }
            let stream = bytes.dropLast(complete.content.strayByteCount)
            require(complete.kept.elementsEqual(stream), "bytes have changed")
            guard let staged else { return }
            let rest = complete.content.elements.filter { $0.kind != .ram && $0.kind != .ramStart }
                .flatMap { complete.kept[$0.range] }
            require(staged.kept == rest, "the staged and the complete reading differ")
        } catch { fatalError("\(error)") }
    }

    /// Writes a file for each small stream and for the short ones among some random streams.
    static func writeSeeds(to directory: String) throws {
        let folder = FilePath(directory)
        for form in SmallStream.allCases {
            try write(form.made().bytes, to: folder.appending(form.rawValue))
        }
        for seed in 0..<200 {
            var generator = Seeded(UInt64(seed))
            let made = GeneratedStream.random(&generator, hasRAM: seed % 4 > 0)
            if made.bytes.count <= 32768 {
                try write(made.bytes, to: folder.appending("random-\(seed)"))
            }
        }
    }
}

@main
struct Main {
    static func main() throws {
        let arguments = CommandLine.arguments
        if arguments.count == 3, arguments[1] == "seeds" {
            return try Fuzz.writeSeeds(to: arguments[2])
        }
        var count = CommandLine.argc
        var texts: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        let status = LLVMFuzzerRunDriver(&count, &texts) { data, size in
            Fuzz.test(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
        try? FileManager.default.removeItem(atPath: Fuzz.scratch.path.string)
        exit(status)
    }
}
