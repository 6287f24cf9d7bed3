import Codecs
import GuestMemory
import SnapSystem
import SystemPackage

/// A writer of a device-state file's clusters, each with as many encodings as fit.
struct SectionClusterWriter: ~Copyable {
    private let file: PendingFile
    /// The number of bytes of the file that are written.
    private(set) var offset: Int
    /// The clusters that are written.
    private(set) var clusters: [Cluster] = []
    private let compressor: Compressor
    /// The encodings for the next cluster.
    private var encoded: [UInt8] = []
    private var slotCount = 0

    /// Creates a writer that continues a file.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - offset: The length of the file so far, in bytes.
    ///   - compression: The codec and the level.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    init(
        _ file: consuming PendingFile, at offset: Int, compression: Compression
    ) throws(SnapError) {
        compressor = try Compressor(compression)
        self.file = file
        self.offset = offset
    }

    /// Adds an encoding of at most 64 KiB, and returns its place.
    mutating func append(_ encoding: RawSpan) throws(SnapError) -> SectionPiece.Place {
        if encoded.count + encoding.byteCount > Limits.clusterByteCountMax
            || slotCount == Limits.slotCountMax
        {
            try flush()
        }
        defer {
            encoded.append(copying: encoding)
            slotCount += 1
        }
        return SectionPiece.Place(cluster: clusters.count, offset: encoded.count)
    }

    /// Writes the last cluster.
    mutating func flush() throws(SnapError) {
        if slotCount == 0 { return }
        var stored: [UInt8] = []
        let cluster = try encoded.withBytes { (encoded) throws(SnapError) in
            try Cluster(
                compressing: encoded, slotCount: slotCount, after: clusters.last,
                by: compressor, appendingTo: &stored)
        }
        clusters.append(cluster)
        try write(stored)
        encoded.removeAll(keepingCapacity: true)
        slotCount = 0
    }

    /// Writes bytes that are not part of a cluster, after the last cluster.
    mutating func write(_ bytes: [UInt8]) throws(SnapError) {
        try file.file.write(bytes, at: offset)
        offset += bytes.count
    }

    /// The file's path, for messages.
    var path: FilePath { file.file.path }

    /// Makes the file durable and gives it a name that does not exist yet, durably.
    ///
    /// On failure, the file does not exist.
    consuming func publish(as name: FileName) throws(SnapError) {
        try file.publish(durablyAs: name.text)
    }
}
