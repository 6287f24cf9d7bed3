import GuestMemory
import SnapSystem

/// An element of a stream, as a checkpoint keeps it.
package struct StreamElement: Sendable, Equatable {
    /// The kinds of elements.
    package enum Kind: Sendable {
        /// Bytes around sections: header, configuration, commands, end mark, description.
        case framing
        /// The section that starts the RAM and lists the RAM blocks.
        case ramStart
        /// A later section of the RAM.
        case ram
        /// A section of a device. Consecutive sections of one device form one element.
        case device
    }

    /// The element's kind, which determines the meaning of the other properties.
    package let kind: Kind
    /// The section's name; empty for framing and for later sections of the RAM.
    package var name = ""
    /// The number that distinguishes devices of the same name.
    package var instanceID: UInt32 = 0
    /// The version of the device's own state format.
    package var versionID: UInt32 = 0
    /// The section's number in the stream; 0 for framing and for devices that cannot be separated.
    package var sectionID: UInt32 = 0
    /// The element's range in the kept bytes; empty for RAM whose pages are staged.
    package var range = 0..<0
    /// The range of the device's own state in the element's bytes, which excludes the first header
    /// and the last footer.
    package var state = 0..<0
}
