/// Where a page of a stream belongs.
struct PagePlace {
    /// Which of the RAM blocks.
    let block: Int
    /// Where in the block, in bytes.
    let offset: Int
}
