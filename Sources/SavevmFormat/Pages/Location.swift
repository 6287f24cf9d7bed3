import GuestMemory

/// The location of a stored page: a checkpoint's file, a group in the file, a slot in the group.
///
///     63 … 40            39 … 9         8 … 0
///     checkpoint number  group          slot
///
/// 0 is the zero page, which is not stored in any file. Layout: savevm(5), "Locations".
package struct Location: Sendable, Hashable, Comparable {
    /// The 64 bits of the location in a table page.
    package let rawValue: UInt64

    /// The location of the zero page.
    package static let zero = Location(rawValue: 0)

    /// The highest number of a group in a file.
    package static let groupMax = (1 << 31) - 1

    /// Creates a location from the 64 bits in a table page, without checking them.
    ///
    /// - Parameter rawValue: The bits.
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Creates the location of a slot.
    ///
    /// - Parameters:
    ///   - number: The number of the checkpoint whose file contains the slot, from 1.
    ///   - group: The number of the group in that file, from 0.
    ///   - slot: The slot in that group, 0 to 511.
    package init(number: Int, group: Int, slot: Int) {
        precondition(number > 0 && number <= Checkpoint.numberMax)
        precondition(group >= 0 && group <= Self.groupMax && slot >= 0 && slot < Unit.pageCount)
        rawValue = UInt64(number) << 40 | UInt64(group) << 9 | UInt64(slot)
    }

    /// Creates the location of the first slot of a group.
    ///
    /// - Parameter groupKey: The group's key.
    package init(groupKey: UInt64) {
        rawValue = groupKey << 9
    }

    /// The number of the checkpoint whose file contains the page; 0 for the zero page.
    package var number: Int { Int(rawValue >> 40) }
    /// The number of the group in that file, from 0.
    package var group: Int { Int(rawValue >> 9 & 0x7fff_ffff) }
    /// The slot in that group, 0 to 511.
    package var slot: Int { Int(rawValue & 0x1ff) }
    /// The location without its slot, which identifies the group.
    package var groupKey: UInt64 { rawValue >> 9 }

    /// Compares two locations by file, group and slot, which is the cheapest order for reading.
    ///
    /// - Returns: Whether `left` comes before `right`.
    package static func < (left: Location, right: Location) -> Bool {
        left.rawValue < right.rawValue
    }
}
