/// What an element of a stream begins with.
enum ElementType: UInt8 {
    case end = 0x00
    case start = 0x01
    case part = 0x02
    case sectionEnd = 0x03
    case full = 0x04
    case subsection = 0x05
    case description = 0x06
    case configuration = 0x07
    case command = 0x08
    case footer = 0x7e
}
