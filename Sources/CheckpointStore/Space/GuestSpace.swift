import GuestMemory
import SavevmFormat
import SnapSystem

/// A guest's files, divided into those that keep slots live and those that can have dead slots.
///
/// All slots of a checkpoint's own file are live, because the save stored them for the checkpoint.
/// So only the files of deleted checkpoints can have dead slots.
struct GuestSpace {
    /// A checkpoint whose pages and tables stay.
    struct Root {
        let number: Int
        let blocks: [StoredBlock]
        /// The numbers of the files that can contain its pages, as ascending runs.
        let references: [Range<Int>]
        /// Whether the checkpoint has a parent, so that its file can have deltas.
        let hasParent: Bool
    }

    /// The guest's directory.
    let guest: GuestDirectory
    /// The live checkpoints, and deleted ones that are pinned by readers.
    let roots: [Root]
    /// The numbers of the files that can have dead slots, in descending order.
    let deleted: [Int]
    /// The numbers of the deleted checkpoints among the roots, all of whose files stay.
    let pinned: Set<Int>
    /// The files that roots refer to, and deleted files.
    let files: SavevmFiles
    private let listing: GuestListing

    /// Opens the files that keep slots live and reads what they refer to.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory.
    ///   - listing: The guest's files.
    ///   - numbers: The numbers of live checkpoints that are treated as deleted.
    ///   - pinned: The numbers of the deleted checkpoints that readers have pinned.
    /// - Throws: `.damaged` or `.unsupported` if a checkpoint's references cannot be read;
    ///   `.permission`, `.inputOutput` or `.interrupted`.
    init(
        of guest: GuestDirectory, _ listing: GuestListing, without numbers: Set<Int>,
        pinned: Set<Int>
    ) throws(SnapError) {
        self.guest = guest
        self.listing = listing
        self.pinned = pinned
        let live = listing.savevm.subtracting(numbers)
        let deleted = listing.retired.union(numbers).subtracting(live).sorted(by: >)
        var roots: [Root] = []
        var known: [Int: FileReference] = [:]
        for number in live.union(pinned).sorted() {
            try Interruption.check()
            let file = try guest.files.savevm(listing.name(of: number))
            let references = try file.references()
            for reference in references where known[reference.number] == nil {
                known[reference.number] = reference
            }
            roots.append(
                Root(
                    number: number, blocks: try file.blocks(),
                    references: .runs(of: references.map(\.number)),
                    hasParent: file.header.parent != nil))
        }
        self.roots = roots
        self.deleted = deleted.filter { !pinned.contains($0) }
        files = SavevmFiles(Array(known.values), in: guest.files)
    }

    /// The name of a file, live or retired.
    func name(of number: Int) -> FileName {
        listing.name(of: number)
    }

    /// Reads the status of a file.
    func status(of number: Int) throws(SnapError) -> FileStatus? {
        try guest.directory.status(of: name(of: number).text)
    }

    /// Opens the file of a root or of a deleted checkpoint.
    ///
    /// Returns nil if it has no slots, because only its header was kept.
    func file(_ number: Int) throws(SnapError) -> SavevmFile? {
        deleted.contains(number)
            ? try open(deleted: number) : try guest.files.savevm(name(of: number))
    }

    /// Opens a file that can have dead slots.
    ///
    /// Returns nil if it has no slots, because only its header was kept.
    func open(deleted number: Int) throws(SnapError) -> SavevmFile? {
        let byteCount = try status(of: number)?.byteCount ?? 0
        return byteCount <= FileHeader.byteCount
            ? nil : try guest.files.savevm(name(of: number))
    }
}
