/// A request to read a stored page to a position in a target.
package struct PageRequest: Sendable {
    /// The page's location; never that of the zero page.
    package let location: Location
    /// The index of the page in the target.
    package let targetPage: Int

    /// Creates a request from its properties.
    package init(_ location: Location, targetPage: Int) {
        self.location = location
        self.targetPage = targetPage
    }
}
