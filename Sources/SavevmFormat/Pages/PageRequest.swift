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
