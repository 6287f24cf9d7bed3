/// A piece of the kept bytes of a stream that has been found to be one element.
struct StreamPiece: Hashable {
    /// The kinds of pieces.
    enum Kind: Hashable {
        case command
        /// A section of the RAM, of the given type.
        case ram(ElementType)
        /// A section of a device, with the type of its first header.
        ///
        /// If the section's end had to be searched for, the piece includes the sections of the same
        /// device that directly follow.
        case device(ElementType)
        /// All devices of a stream, which cannot be separated, to the stream's end.
        case allDevices
        /// The end mark and the description.
        case end
    }

    let kind: Kind
    /// The piece's range in the kept bytes.
    var range: Range<Int>
    /// The section's number; 0 for other pieces.
    var sectionID: UInt32 = 0
}
