/// What is known of a stored page without reading its bytes.
package struct PageMetadata: Sendable {
    /// Its digest; nil if that was computed with another key.
    package internal(set) var digest: Hash128?
    /// The page it is a delta against, if it is one.
    package internal(set) var base: Location?
}
