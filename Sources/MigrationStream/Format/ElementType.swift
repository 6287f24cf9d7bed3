/// The first byte of an element of a stream, which states the element's type.
enum ElementType: UInt8 {
    /// The end mark, after the last section.
    case end = 0x00
    /// The first section of a device that is sent in several sections.
    case start = 0x01
    /// A middle section of such a device.
    case part = 0x02
    /// The last section of such a device.
    case sectionEnd = 0x03
    /// The only section of a device.
    case full = 0x04
    /// A named part of a device's state or of the configuration, never an element by itself.
    case subsection = 0x05
    /// The JSON description, after the end mark.
    case description = 0x06
    /// The machine type and what else the destination must match, after the header.
    case configuration = 0x07
    /// A control message to the destination.
    case command = 0x08
    /// The end of a section, which repeats the section's number; never an element by itself.
    case footer = 0x7e
}
