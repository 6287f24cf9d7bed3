/// The place in a guest's RAM of a page of a stream.
struct PagePlace {
    /// The index of the RAM block.
    let block: Int
    /// The page's offset in the block, in bytes.
    let offset: Int
}
