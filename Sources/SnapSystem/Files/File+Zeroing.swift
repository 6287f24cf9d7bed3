import SystemPackage

// Writes zeros, either as holes, which take no space, or as bytes.
extension File {
    /// Makes a part of the file read as zeros: as a hole if the file system supports that.
    ///
    /// - Parameter range: The offsets of the bytes, which must be inside the file.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func clear(_ range: Range<Int>) throws(SnapError) {
        if try !punchHole(range) { try writeZeros(range) }
    }

    /// Frees the space of a part of the file, which then reads as zeros.
    ///
    /// - Parameter range: The offsets of the bytes, which must be inside the file.
    /// - Returns: false, and the file is unchanged, if the file system does not support holes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C call is `fallocate` with `FALLOC_FL_PUNCH_HOLE`.
    package func punchHole(_ range: Range<Int>) throws(SnapError) -> Bool {
        do {
            try calls.punchHole(descriptor, at: range.lowerBound, byteCount: range.count)
            return true
        } catch {
            if error == .notSupported || error == .noFunction { return false }
            throw SnapError(
                error, action: "clear \(range.count) bytes", path: path, offset: range.lowerBound)
        }
    }

    /// Writes zeros as bytes, which take space.
    ///
    /// - Parameter range: The offsets of the bytes, which must be inside the file.
    /// - Throws: `.inputOutput` or `.interrupted`.
    private func writeZeros(_ range: Range<Int>) throws(SnapError) {
        if range.isEmpty { return }
        let zeros = [UInt8](repeating: 0, count: min(range.count, 1 << 16))
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: zeros.count) {
            try zeros.withBytes { (zeros) throws(SnapError) in
                let count = min(zeros.byteCount, range.upperBound - offset)
                try write(zeros.extracting(first: count), at: offset)
            }
        }
    }
}
