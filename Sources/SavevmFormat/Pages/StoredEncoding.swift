/// Where the encoding of a stored page is.
struct StoredEncoding {
    /// Where the page is stored.
    let location: Location
    /// Where its group stands in the file.
    let entry: GroupEntry
    /// The cluster of the group that holds it.
    let cluster: Cluster
    /// Which of the cluster's bytes it is.
    let range: Range<Int>
}
