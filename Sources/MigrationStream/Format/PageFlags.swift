/// What a page record says in the low bits of its first word.
struct PageFlags: OptionSet {
    let rawValue: UInt64

    static let zero = PageFlags(rawValue: 0x002)
    static let memorySize = PageFlags(rawValue: 0x004)
    static let page = PageFlags(rawValue: 0x008)
    static let endOfSection = PageFlags(rawValue: 0x010)
    /// The same RAM block as the record before: no name follows.
    static let sameBlock = PageFlags(rawValue: 0x020)
    static let xbzrle = PageFlags(rawValue: 0x040)
    static let hook = PageFlags(rawValue: 0x080)
    static let compressed = PageFlags(rawValue: 0x100)
    static let multifdFlush = PageFlags(rawValue: 0x200)

    static let known = PageFlags(rawValue: 0x3fe)
}
