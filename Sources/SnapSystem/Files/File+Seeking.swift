import SystemPackage

// Where data, holes and the descriptor itself are: lseek(2).
extension File {
    /// Where the descriptor stands: not at the start if a standard stream was used before.
    ///
    /// - Throws: `.inputOutput`, for a pipe, too.
    ///
    /// The corresponding C function is `lseek`.
    package func position() throws(SnapError) -> Int {
        do { return try calls.seek(descriptor, from: 0, to: .current) } catch {
            throw SnapError(error, action: "find the position of", path: path)
        }
    }

    /// Where the next run of data begins.
    ///
    /// What is not data is a hole only on a file system that is known to report all data; see
    /// `FileSystemType.reportsDirtyPagesAsData`.
    ///
    /// - Parameter offset: Where to start looking.
    /// - Returns: The first offset not before it that lies in data; nil if only a hole follows.
    ///   Where the file system cannot say, all is data.
    ///
    /// The corresponding C call is `lseek` with `SEEK_DATA`.
    package func nextData(from offset: Int) -> Int? {
        do { return try calls.seek(descriptor, from: offset, to: .data) } catch {
            return error == .noSuchAddressOrDevice ? nil : offset
        }
    }

    /// The next run of data, with the same reservation.
    ///
    /// - Parameter offset: Where to start looking.
    /// - Returns: What begins with the first offset not before it that lies in data; nil if only a
    ///   hole follows. Where the file system cannot say, all is data.
    package func data(from offset: Int) -> Range<Int>? {
        guard let start = nextData(from: offset) else { return nil }
        guard let end = nextHole(from: start), end > start else { return start..<Int.max }
        return start..<end
    }

    /// Where the next hole begins; the file's end counts as one.
    ///
    /// - Parameter offset: Where to start looking.
    /// - Returns: The offset; nil where the file system cannot say.
    ///
    /// The corresponding C call is `lseek` with `SEEK_HOLE`.
    package func nextHole(from offset: Int) -> Int? {
        try? calls.seek(descriptor, from: offset, to: .hole)
    }
}
