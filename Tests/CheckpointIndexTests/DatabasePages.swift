/// The pages of a database, and a tree of them that no writer of SQLite makes.
///
/// The SQLite file format, "B-tree Pages" and "The Database Header".
struct DatabasePages {
    private(set) var bytes: [UInt8]
    private let pageSize: Int

    private static let interiorTypes: Set<UInt8> = [2, 5]
    private static let pageCountOffset = 28

    /// Takes the bytes of a database.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        pageSize = Int(bytes[16]) << 8 | Int(bytes[17])
    }

    /// Puts copies of a tree's root one under the other, each with the next one as all of its
    /// children: with n children and d pages, the tree has a leaf n to the power of d times.
    ///
    /// - Parameters:
    ///   - root: The number of the tree's root page.
    ///   - depth: How many pages stand above the leaf.
    /// - Returns: How many children each has; 0 if the root is a leaf.
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

    /// Where in a page the numbers of its children stand: in each cell, and in its header.
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
