import GuestMemory

/// Where a stored page is: a checkpoint's file, a group in it, a slot of that.
///
///     63 … 40            39 … 9         8 … 0
///     checkpoint number  group          slot
///
/// 0 is the zero page, which is stored nowhere. Layout: savevm(5), "Locations".
package struct Location: Sendable, Hashable, Comparable {
    /// The 64 bits as they stand in a table page.
    package let rawValue: UInt64

    /// The page of zeros.
    package static let zero = Location(rawValue: 0)

    /// The highest group of a file.
    package static let groupMax = (1 << 31) - 1

    /// Takes 64 bits from a table page; the caller checks them.
    ///
    /// - Parameter rawValue: The bits.
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Names a slot.
    ///
    /// - Parameters:
    ///   - number: The checkpoint whose file holds it, from 1.
    ///   - group: The group in that file.
    ///   - slot: The slot in that group.
    package init(number: Int, group: Int, slot: Int) {
        precondition(number > 0 && number <= Checkpoint.numberMax)
        precondition(group >= 0 && group <= Self.groupMax && slot >= 0 && slot < Unit.pageCount)
        rawValue = UInt64(number) << 40 | UInt64(group) << 9 | UInt64(slot)
    }

    /// The checkpoint whose file holds the page; 0 for the zero page.
    package var number: Int { Int(rawValue >> 40) }
    /// The group in that file.
    package var group: Int { Int(rawValue >> 9 & 0x7fff_ffff) }
    /// The slot in that group.
    package var slot: Int { Int(rawValue & 0x1ff) }
    /// The location without its slot: what tells groups apart.
    package var groupKey: UInt64 { rawValue >> 9 }

    /// Orders by file, group and slot: the order in which reading is cheapest.
    package static func < (left: Location, right: Location) -> Bool {
        left.rawValue < right.rawValue
    }
}
