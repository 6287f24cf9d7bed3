import SavevmFormat
import SnapSystem

/// Remembers what a save has stored, to find pages with the same content.
///
/// A digest only proposes a match. Memory is bounded: the last 2^18 stored pages, 1 GiB, are
/// remembered for certain, up to as many before them by chance; older ones may go unfound.
struct DuplicateFinder {
    /// A page that the save stores.
    struct Original: Sendable {
        /// Which unit it is in.
        let unit: Int
        /// Which page of the unit it is.
        let page: Int
        /// Which slot of the unit's group it gets.
        let slot: Int
    }

    private static let generationCountMax = 1 << 18

    /// Two generations: when the younger is full, the elder is forgotten.
    private var younger: [Hash128: Packed] = [:]
    private var elder: [Hash128: Packed] = [:]

    /// The stored page of a digest, if one is remembered.
    func original(of digest: Hash128) -> Original? {
        (younger[digest] ?? elder[digest])?.original
    }

    /// Remembers a page.
    ///
    /// - Parameters:
    ///   - original: The page.
    ///   - digest: Its digest.
    mutating func note(_ original: Original, _ digest: Hash128) {
        if younger.count == Self.generationCountMax {
            elder = younger
            younger = [:]
        }
        younger[digest] = Packed(original)
    }

    /// An original in 8 bytes: there are many of them.
    private struct Packed {
        private let bits: UInt64

        init(_ original: Original) {
            bits = UInt64(original.unit) << 18 | UInt64(original.page) << 9 | UInt64(original.slot)
        }

        var original: Original {
            Original(
                unit: Int(bits >> 18), page: Int(bits >> 9 & 0x1ff), slot: Int(bits & 0x1ff))
        }
    }
}
