import SnapSystem

/// A stored page, and where its bytes are wanted.
package struct PageRequest: Sendable {
    /// Where the page is stored; never the zero page.
    package let location: Location
    /// Which page of the target it becomes.
    package let targetPage: Int

    /// Asks for a page; the parameters are the properties.
    package init(_ location: Location, targetPage: Int) {
        self.location = location
        self.targetPage = targetPage
    }
}

/// What is known of a stored page without reading its bytes.
package struct KnownPage: Sendable {
    /// Its digest; nil if that was computed with another key.
    package internal(set) var digest: Hash128?
    /// The page it is a delta against, if it is one.
    package internal(set) var base: Location?
}
