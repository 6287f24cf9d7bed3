import GuestMemory
package import SnapSystem

extension PageReader {
    /// Finds the part that makes a stored page unreadable.
    ///
    /// For a delta whose base is damaged, this is the part with the base.
    ///
    /// - Parameters:
    ///   - location: The page's location, not that of the zero page.
    ///   - level: The page's level.
    /// - Returns: The part and the error that reading it causes; nil if the page can be read.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; damage is returned, not thrown.
    package mutating func damage(
        at location: Location, level: Int
    ) throws(SnapError) -> FoundDamage? {
        try damage(at: location, level: level, followsBase: true)
    }

    /// A base is literal, so its own base, which no writer produces, is not followed.
    private mutating func damage(
        at location: Location, level: Int, followsBase: Bool
    ) throws(SnapError) -> FoundDamage? {
        let (number, group) = (location.number, location.group)
        let file: SavevmFile
        do throws(SnapError) { file = try self.file(of: location) } catch {
            return FoundDamage(.savevm(number), try error.ifDamage())
        }
        let head: GroupHead
        do throws(SnapError) {
            head = try file.head(try file.entry(ofGroup: group), level: level)
        } catch {
            return FoundDamage(.group(group, number: number), try error.ifDamage())
        }
        if followsBase, location.slot < head.records.count,
            case .delta(let base) = head.records[location.slot].form, base < location,
            let found = try damage(at: base, level: level, followsBase: false)
        {
            return found
        }
        do throws(SnapError) { _ = try page(at: location, level: level) } catch {
            let slots =
                location.slot < head.records.count
                ? head.clusters[head.clusterIndex(ofSlot: location.slot)].slots
                : location.slot..<location.slot + 1
            return FoundDamage(
                .cluster(slots, group: group, number: number), try error.ifDamage())
        }
        return nil
    }

    /// Reads the metadata of those pages whose groups can be read.
    ///
    /// - Parameters:
    ///   - locations: The pages' locations.
    ///   - level: The pages' level.
    ///   - key: The key that the digests must be computed with; nil if no digests are needed.
    /// - Returns: The metadata of each page, in the order of `locations`; nil if it is damaged.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    package mutating func readableMetadata(
        at locations: [Location], level: Int, key: DigestKey? = nil
    ) throws(SnapError) -> [PageMetadata?] {
        do throws(SnapError) {
            return try metadata(at: locations, level: level, key: key)
        } catch {
            _ = try error.ifDamage()
        }
        var known: [PageMetadata?] = []
        for location in locations {
            do throws(SnapError) {
                known.append(try metadata(at: [location], level: level, key: key)[0])
            } catch {
                _ = try error.ifDamage()
                known.append(nil)
            }
        }
        return known
    }
}

extension SnapError {
    /// Returns the error if it is damage; throws it if not.
    fileprivate func ifDamage() throws(SnapError) -> SnapError {
        if isDamage { return self }
        throw self
    }
}
