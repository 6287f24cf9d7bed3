// Fuzzes the reader of libvirt's save files with libFuzzer.
//
//     fuzz-save-files seeds DIR     writes the initial corpus
//     fuzz-save-files OPTION...     runs libFuzzer with its options and corpus directories
//
// Files that a program would decompress are skipped, because starting it takes too long.

import CFuzzer
import Foundation
import MigrationStream
import SnapSystem
import SystemPackage
import TestSupport

/// Crashes with a message unless a condition holds, because libFuzzer detects only crashes.
private func require(_ condition: Bool, _ what: String) {
    if !condition { fatalError(what) }
}

private enum Fuzz {
    static let scratch: Scratch = {
        do { return try Scratch() } catch { fatalError("\(error)") }
    }()

    /// The compressions that need no program.
    static let compressions: [GeneratedSaveFile.Compression] = [.none, .gzip, .zstd, .sparse]

    /// Reads an input, which must be read or refused with a permitted error that has a path.
    static func test(_ bytes: [UInt8]) {
        // The number of the compression in the header, little-endian.
        guard bytes.count > 32, bytes[29..<32].allSatisfy({ $0 == 0 }),
            compressions.contains(where: { $0.rawValue == UInt32(bytes[28]) })
        else { return }
        let path: FilePath
        do { path = try scratch.write(bytes, to: "input") } catch { fatalError("\(error)") }
        let directory = Directory(scratch.path, .kernel)
        do throws(SnapError) {
            let save = try LibvirtSaveFile(SharedFile(try File(input: path, .kernel)))
            require(!save.domain.xml.contains(0), "the XML contains a 0 byte")
            let source = try save.stream(scratch: directory)
            let (stream, images) = try StreamReader(source, scratch: directory, stagesRAM: true)
                .read()
            require(images.map(\.ram) == stream.blocks, "the RAM blocks differ")
        } catch {
            // The file system may not support a length of up to 16 TiB.
            let codes: [SnapError.Code] = [.inputDamaged, .unsupported, .inputOutput]
            require(codes.contains(error.code) && error.path != nil, "\(error)")
        }
    }

    /// Writes a file for each small stream and each compression.
    static func writeSeeds(to directory: String) throws {
        for compression in compressions {
            for form in SmallStream.allCases {
                let offset = try GeneratedSaveFile([]).payloadOffset
                let save = try GeneratedSaveFile(form.made(at: offset).bytes, compression)
                let name = "\(compression)-\(form)"
                try write(save.bytes, to: FilePath(directory).appending(name))
            }
        }
    }

    private static func write(_ bytes: [UInt8], to path: FilePath) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path.string))
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
