/// An element of a stream as it lies in the stream, found by looking for its end.
struct StreamPiece: Hashable {
    /// The sorts of pieces.
    enum Kind: Hashable {
        case command
        /// A section of the RAM, that with this type.
        case ram(ElementType)
        /// A section of a device; where its end was searched for, all that follow one another of a
        /// device that is sent in several.
        case device(ElementType)
        /// All devices of a stream in which nothing tells them apart, to its end.
        case allDevices
        /// The end mark and the description.
        case end
    }

    let kind: Kind
    /// Where its bytes are.
    var range: Range<Int>
    /// The section's number; 0 for other pieces.
    var sectionID: UInt32 = 0
}
