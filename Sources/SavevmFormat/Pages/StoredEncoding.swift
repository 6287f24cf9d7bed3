/// The position of the encoding of a stored page.
struct StoredEncoding {
    /// The page's location.
    let location: Location
    /// The generation of the file from which the other properties were read.
    let generation: Int
    /// The group index entry of the page's group.
    let entry: GroupEntry
    /// The group's cluster that contains the encoding.
    let cluster: Cluster
    /// The bytes of the decoded cluster that are the encoding.
    let range: Range<Int>
}
