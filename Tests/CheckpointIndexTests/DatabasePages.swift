/// The pages of a database, which a test can link into a tree that SQLite never writes.
///
/// See "B-tree Pages" and "The Database Header" in the SQLite file format.
struct DatabasePages {
    private(set) var bytes: [UInt8]
    private let pageSize: Int

    private static let interiorTypes: Set<UInt8> = [2, 5]
    private static let pageCountOffset = 28

    /// Creates a value from the bytes of a database file.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        pageSize = Int(bytes[16]) << 8 | Int(bytes[17])
    }

    /// Links copies of a tree's root into a chain: all children of a page are the next page.
    ///
    /// With n children and d pages, a search of the tree visits the leaf n to the power of d times.
    ///
    /// - Parameters:
    ///   - root: The number of the tree's root page.
    ///   - depth: The number of pages above the leaf.
    /// - Returns: The number of children of each page; 0 if the root is a leaf.
    mutating func makeChain(from root: Int, depth: Int) -> Int {
        guard Self.interiorTypes.contains(bytes[start(root)]) else { return 0 }
        let leaf = number(at: places(root)[0], byteCount: 4)
        var chain = [root]
        for _ in 1..<depth {
            bytes += bytes[start(root)..<start(root) + pageSize]
            chain.append(bytes.count / pageSize)
        }
        set(bytes.count / pageSize, at: Self.pageCountOffset)
        for (page, child) in zip(chain, chain.dropFirst() + [leaf]) {
            for place in places(page) { set(child, at: place) }
        }
        return places(root).count
    }

    private func start(_ page: Int) -> Int { (page - 1) * pageSize }

    /// The offsets of the numbers of a page's children, which are in its cells and its header.
    private func places(_ page: Int) -> [Int] {
        let start = start(page)
        let cells = (0..<number(at: start + 3, byteCount: 2)).map { cell in
            start + number(at: start + 12 + 2 * cell, byteCount: 2)
        }
        return cells + [start + 8]
    }

    private func number(at offset: Int, byteCount: Int) -> Int {
        bytes[offset..<offset + byteCount].reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func set(_ value: Int, at offset: Int) {
        for byte in 0..<4 { bytes[offset + byte] = UInt8(value >> (24 - 8 * byte) & 0xff) }
    }
}
