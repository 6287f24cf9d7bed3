import GuestMemory
import SnapSystem

/// An element of a stream that is kept.
package struct StreamElement: Sendable, Equatable {
    /// The sorts of elements.
    package enum Kind: Sendable {
        /// Bytes around sections: header, configuration, commands, end, description.
        case framing
        /// The section that begins the RAM.
        case ramStart
        /// A later section of the RAM.
        case ram
        /// A section of a device; several of one device that follow one another are one element.
        case device
    }

    /// What sort it is.
    package let kind: Kind
    /// The section's name; empty for framing.
    package var name = ""
    /// Which of several devices of that name.
    package var instanceID: UInt32 = 0
    /// The version of the device's own format.
    package var versionID: UInt32 = 0
    /// The section's number in the stream.
    package var sectionID: UInt32 = 0
    /// Where its bytes are in the kept ones; none for RAM whose pages are staged.
    package var range = 0..<0
    /// Where the device's own state is in its bytes, without header and footer.
    package var state = 0..<0
}
