import Codecs
import GuestMemory
import SnapSystem

/// A piece of a device section: up to 64 KiB, compressed separately from the other pieces.
struct SectionPiece: Sendable, Equatable {
    let codec: Codec
    let byteCount: Int
    let storedByteCount: Int
    let checksum: Hash128
    let contentChecksum: Hash128

}

extension SectionPiece {
    init(_ reader: inout ByteReader, room: Int) throws(SnapError) {
        let field = try reader.integer("codec", as: UInt8.self)
        guard let codec = Codec(rawValue: field) else {
            throw reader.unsupported(
                "codec of a section piece is \(field), expected 0 or 1", bytesBack: 1)
        }
        try reader.zeros(3, "section piece")
        let byteCount = try reader.count(
            "piece length", as: UInt32.self, in: 1...Limits.clusterByteCountMax)
        let storedByteCount = try reader.count(
            "piece's stored length", as: UInt32.self, in: 0...max(0, min(byteCount, room)))
        guard codec != .stored || storedByteCount == byteCount else {
            throw reader.damage(
                "uncompressed piece has \(storedByteCount) stored bytes, expected \(byteCount)")
        }
        try reader.zeros(4, "section piece")
        self.init(
            codec: codec, byteCount: byteCount, storedByteCount: storedByteCount,
            checksum: try reader.hash("piece's checksum"),
            contentChecksum: try reader.hash("piece's content checksum"))
    }
}
