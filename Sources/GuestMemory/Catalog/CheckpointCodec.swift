/// The codec with which a checkpoint's files were written.
///
/// Its name is what `--codec` and `SNAP_CODEC` accept and what `show` prints. Clusters that do not
/// become shorter, and all clusters of level 0, are stored as they are in either case.
package enum CheckpointCodec: String, CaseIterable, Sendable {
    /// zlib streams (RFC 1950), which every version of snap reads.
    case zlib
    /// Zstandard frames (RFC 8878).
    case zstd
}
