/// What a decoder has done in one step.
package struct DecodingProgress {
    /// The number of bytes of the file that the decoder has consumed.
    package let consumedByteCount: Int
    /// The number of decoded bytes that it has written.
    package let writtenByteCount: Int
    /// Whether the file is damaged near the end of the consumed bytes.
    package let isDamaged: Bool
}
