/// The flags in the low bits of a page record's first word.
///
/// The other bits of the word are the page's offset in its RAM block.
struct PageFlags: OptionSet {
    let rawValue: UInt64

    /// A page that is filled with one byte, usually zero.
    static let zero = PageFlags(rawValue: 0x002)
    /// Not a page: the list of RAM blocks.
    static let memorySize = PageFlags(rawValue: 0x004)
    /// A page with all its bytes.
    static let page = PageFlags(rawValue: 0x008)
    /// Not a page: the end of the section's records.
    static let endOfSection = PageFlags(rawValue: 0x010)
    /// The page belongs to the RAM block of the previous record, and no name follows.
    static let sameBlock = PageFlags(rawValue: 0x020)
    /// A page as changes to its current bytes.
    static let xbzrle = PageFlags(rawValue: 0x040)
    /// A page that was sent by RDMA.
    static let hook = PageFlags(rawValue: 0x080)
    /// A page as a zlib stream.
    static let compressed = PageFlags(rawValue: 0x100)
    /// Not a page: the point at which the channels of a multifd migration synchronize.
    static let multifdFlush = PageFlags(rawValue: 0x200)

    static let known = PageFlags(rawValue: 0x3fe)
}
