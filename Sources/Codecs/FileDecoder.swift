/// A decoder of a compressed file, which it decodes piece by piece.
package protocol FileDecoder: AnyObject {
    /// Decodes the next bytes of the file, which need not be valid.
    ///
    /// - Parameters:
    ///   - source: The next bytes of the file; none at its end, where decoded bytes can be left.
    ///   - target: Receives decoded bytes, at its start.
    /// - Returns: The numbers of bytes, and whether the file is damaged.
    func decode(_ source: RawSpan, into target: inout MutableRawSpan) -> DecodingProgress

    /// Whether the file may end after the bytes that were decoded so far.
    var isComplete: Bool { get }
}
