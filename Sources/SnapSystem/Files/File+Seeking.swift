import SystemPackage

// The positions of data, of holes and of the descriptor itself: lseek(2).
extension File {
    /// Reads the descriptor's own position.
    ///
    /// A standard stream may not be at its start, because another process can have used it before.
    ///
    /// - Returns: The offset in bytes.
    /// - Throws: `.inputOutput`, also if the file is a pipe.
    ///
    /// The corresponding C function is `lseek`.
    package func position() throws(SnapError) -> Int {
        do { return try calls.seek(descriptor, from: 0, to: .current) } catch {
            throw SnapError(error, action: "determine the position", path: path)
        }
    }

    /// Sets the descriptor's own position.
    ///
    /// - Parameter offset: The new position in bytes.
    /// - Throws: `.inputOutput`, also if the file is a pipe.
    ///
    /// The corresponding C function is `lseek`.
    package func move(to offset: Int) throws(SnapError) {
        do { _ = try calls.seek(descriptor, from: offset, to: .start) } catch {
            throw SnapError(error, action: "set the position", path: path, offset: offset)
        }
    }

    /// Finds the start of the next run of data.
    ///
    /// The bytes outside the runs of data are certain to be zeros only on a file system that
    /// reports all data; see `FileSystemType.reportsDirtyPagesAsData`.
    ///
    /// - Parameter offset: The offset at which the search starts, in bytes.
    /// - Returns: The first offset at or after `offset` that contains data; nil if only a hole
    ///   follows; `offset` itself if the file system does not support the search.
    ///
    /// The corresponding C call is `lseek` with `SEEK_DATA`.
    package func nextData(from offset: Int) -> Int? {
        do { return try calls.seek(descriptor, from: offset, to: .data) } catch {
            return error == .noSuchAddressOrDevice ? nil : offset
        }
    }

    /// Finds the next run of data, with the same limitation as `nextData(from:)`.
    ///
    /// - Parameter offset: The offset at which the search starts, in bytes.
    /// - Returns: The run from the first offset at or after `offset` that contains data; nil if
    ///   only a hole follows. If the file system does not support the search, the run is unbounded.
    package func data(from offset: Int) -> Range<Int>? {
        guard let start = nextData(from: offset) else { return nil }
        guard let end = nextHole(from: start), end > start else { return start..<Int.max }
        return start..<end
    }

    /// Finds the start of the next hole; the end of the file counts as a hole.
    ///
    /// - Parameter offset: The offset at which the search starts, in bytes.
    /// - Returns: The offset; nil if the file system does not support the search.
    ///
    /// The corresponding C call is `lseek` with `SEEK_HOLE`.
    package func nextHole(from offset: Int) -> Int? {
        try? calls.seek(descriptor, from: offset, to: .hole)
    }
}
