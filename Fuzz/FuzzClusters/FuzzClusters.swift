// Fuzzes the decoding of clusters of both codecs with libFuzzer.
//
//     fuzz-clusters seeds DIR     writes the initial corpus
//     fuzz-clusters OPTION...     runs libFuzzer with its options and corpus directories
//
// The first four bytes of an input are the codec, the level to compress it with, and the length of
// the content; the others are the cluster.

import CFuzzer
import CZlib
import CZstd
import Codecs
import Foundation
import GuestMemory
import SnapSystem
import TestSupport

/// Crashes with a message unless a condition holds, because libFuzzer detects only crashes.
private func require(_ condition: Bool, _ what: String) {
    if !condition { fatalError(what) }
}

private enum Fuzz {
    static let contentByteCountMax = 1 << 16
    static let headByteCount = 4
    // libFuzzer runs the test in one thread.
    nonisolated(unsafe) static let source = GuardedMemory(byteCountMax: contentByteCountMax)
    nonisolated(unsafe) static let target = GuardedMemory(byteCountMax: contentByteCountMax)

    static func test(_ input: [UInt8]) {
        guard input.count > headByteCount else { return }
        let codec: Codec = input[0] & 1 == 0 ? .zlib : .zstd
        let stored = Array(input[headByteCount...].prefix(contentByteCountMax))
        let byteCount = (Int(input[2]) << 8 | Int(input[3])) + 1
        let content = decode(stored, codec, byteCount: byteCount, needed: byteCount)
        let expected = expected(stored, codec, byteCount: byteCount)
        // ISA-L also reads streams with incomplete Huffman codes, which zlib refuses.
        require(content == expected || codec == .zlib && expected == nil, "another content")
        if let content {
            let needed = byteCount * Int(input[1]) / 255
            let start = decode(stored, codec, byteCount: byteCount, needed: needed)
            require(start.map { content.starts(with: $0) && $0.count >= needed } ?? false, "start")
        }
        roundTrip(stored, codec == .zlib ? .zlib : .zstd, level: Int(input[1]) % 10)
    }

    /// Decodes a cluster; the source and the target each end at an inaccessible page.
    static func decode(
        _ stored: [UInt8], _ codec: Codec, byteCount: Int, needed: Int
    ) -> [UInt8]? {
        let source = source.last(stored.count)
        source.copyBytes(from: stored)
        let target = target.last(byteCount)
        var bytes = target.mutableBytes
        let count = Decompressor().decode(
            UnsafeRawBufferPointer(source).bytes, codec, needed: needed, into: &bytes)
        return count.map { Array(target[..<$0]) }
    }

    /// Decodes a cluster with zlib, or with libzstd's function for any frames.
    ///
    /// Returns nil for a frame that savevm(5) does not allow.
    static func expected(_ stored: [UInt8], _ codec: Codec, byteCount: Int) -> [UInt8]? {
        var content = [UInt8](repeating: 0, count: byteCount)
        if codec == .zlib {
            var (sourceCount, count) = (uLong(stored.count), uLongf(byteCount))
            let result = uncompress2(&content, &count, stored, &sourceCount)
            return result == Z_OK && count == byteCount && sourceCount == stored.count
                ? content : nil
        }
        let isAllowed =
            stored.count > 5 && stored[4] & 0x3f == 0x20
            && ZSTD_getFrameContentSize(stored, stored.count) == byteCount
            && ZSTD_findFrameCompressedSize(stored, stored.count) == stored.count
        let count = ZSTD_decompress(&content, byteCount, stored, stored.count)
        return isAllowed && stored[0] == 0x28 && count == byteCount ? content : nil
    }

    static func roundTrip(_ content: [UInt8], _ codec: CheckpointCodec, level: Int) {
        guard let level = CompressionLevel(level) else { return }
        do {
            let compressor = try Compressor(Compression(codec, level))
            var stored: [UInt8] = []
            let codec = try content.withBytes { try compressor.compress($0, appendingTo: &stored) }
            let decoded = decode(
                stored, codec, byteCount: content.count, needed: content.count)
            require(decoded == content, "compressed content changes")
        } catch { fatalError("\(error)") }
    }

    /// Writes clusters of both codecs, levels 1 to 9, and several kinds of content.
    static func writeSeeds(to directory: String) throws {
        var generator = Seeded(1)
        for seed in 0..<90 {
            let pages = (0...seed % 4).flatMap { page in
                page == 3 ? GeneratedImage.noise(&generator) : GeneratedImage.text(seed + page)
            }
            let codec = CheckpointCodec.allCases[seed % 2]
            let level = 1 + seed % 9
            let compressor = try Compressor(
                Compression(codec, CompressionLevel(level) ?? .default))
            var stored: [UInt8] = []
            _ = try pages.withBytes { try compressor.compress($0, appendingTo: &stored) }
            let count = pages.count - 1
            let head = [UInt8(seed % 2), UInt8(level), UInt8(count >> 8), UInt8(count & 0xff)]
            try Data(head + stored).write(
                to: URL(fileURLWithPath: directory).appendingPathComponent("cluster-\(seed)"))
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
        exit(status)
    }
}
