/// The metadata of a stored page, which a reader gets without reading the page's bytes.
package struct PageMetadata: Sendable {
    /// The page's digest; nil if it was computed with another key than the requested one.
    package internal(set) var digest: Hash128?
    /// The location of the page's base; nil if the page is not a delta.
    package internal(set) var base: Location?

    /// Creates the metadata of a page without a digest and a base.
    package init() {}
}
