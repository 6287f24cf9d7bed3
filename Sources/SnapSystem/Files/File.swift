import Glibc
package import SystemPackage

/// An open file with one owner, which is closed when the value is destroyed.
///
/// Several threads can read and write at given offsets at the same time, because the descriptor
/// does not change. Every error contains the file's path, and the offset if there is one.
package struct File: ~Copyable, Sendable {
    /// The path with which the file was opened, for messages.
    package let path: FilePath
    /// The system calls with which the file is accessed.
    let calls: SystemCalls
    /// The descriptor, for libraries that take one; the file keeps it open.
    package let descriptor: Int32
    private let isOwner: Bool

    private init(standard descriptor: Int32, _ path: FilePath, _ calls: SystemCalls) {
        self.path = path
        self.calls = calls
        self.descriptor = descriptor
        isOwner = false
    }

    /// Takes ownership of an open descriptor.
    init(owning descriptor: Int32, _ path: FilePath, _ calls: SystemCalls) {
        self.path = path
        self.calls = calls
        self.descriptor = descriptor
        isOwner = true
    }

    /// Creates a file for the process's standard input, which is never closed.
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: The file for standard input.
    package static func standardInput(_ calls: SystemCalls) -> File {
        File(standard: STDIN_FILENO, "standard input", calls)
    }

    /// Creates a file for the process's standard output, which is never closed.
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: The file for standard output.
    package static func standardOutput(_ calls: SystemCalls) -> File {
        File(standard: STDOUT_FILENO, standardOutputName, calls)
    }

    /// The path of standard output in messages.
    package static let standardOutputName: FilePath = "standard output"

    deinit { if isOwner { calls.close(descriptor) } }

    /// Reads the file's status, such as its kind, length and owner.
    ///
    /// - Returns: The status.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fstat`.
    package func status() throws(SnapError) -> FileStatus {
        do { return FileStatus(try calls.status(of: descriptor)) } catch {
            throw SnapError(error, action: "stat", path: path)
        }
    }

    /// Determines the type of the file system that contains the file.
    ///
    /// - Returns: The type; nil if snap does not treat it specially.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fstatfs`.
    package func fileSystem() throws(SnapError) -> FileSystemType? {
        do { return FileSystemType(rawValue: try calls.fileSystemType(of: descriptor)) } catch {
            throw SnapError(error, action: "determine the file system", path: path)
        }
    }

    /// Determines how many bytes can still be written to the file's file system.
    ///
    /// - Returns: The number of bytes that a user without privileges can write.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fstatfs`.
    package func freeByteCount() throws(SnapError) -> Int {
        do { return try calls.freeByteCount(of: descriptor) } catch {
            throw SnapError(error, action: "determine the free space", path: path)
        }
    }

    /// Determines the size of the file's file system.
    ///
    /// - Returns: The size in bytes.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fstatfs`.
    package func fileSystemByteCount() throws(SnapError) -> Int {
        do { return try calls.capacity(of: descriptor) } catch {
            throw SnapError(error, action: "determine the size of the file system", path: path)
        }
    }

    /// Reads until the target is full or the file ends.
    ///
    /// - Parameters:
    ///   - target: The memory for the bytes.
    ///   - offset: The offset of the first byte in the file, in bytes.
    /// - Returns: The number of bytes read; less than requested only at the end of the file.
    /// - Throws: `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C function is `pread`.
    package func read(
        into target: inout MutableRawSpan, at offset: Int
    ) throws(SnapError) -> Int {
        var count = 0
        while count < target.byteCount {
            let wanted = target.byteCount - count
            do {
                var rest = target._mutatingExtracting(last: wanted)
                let part = try calls.read(descriptor, into: &rest, at: offset + count)
                if part == 0 { return count }
                count += part
            } catch {
                throw SnapError(
                    error, action: "read \(wanted) bytes", path: path, offset: offset + count)
            }
        }
        return count
    }

    /// Reads bytes into a new array.
    ///
    /// - Parameters:
    ///   - byteCount: The number of bytes, which the caller must have checked against a limit.
    ///   - offset: The offset of the first byte in the file, in bytes.
    /// - Returns: The bytes; fewer than requested only at the end of the file.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func read(byteCount: Int, at offset: Int) throws(SnapError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let count = try bytes.withMutableBytes { (target) throws(SnapError) in
            try read(into: &target, at: offset)
        }
        bytes.removeLast(byteCount - count)
        return bytes
    }

    /// Waits for data and reads it at the descriptor's own position, as pipes require.
    ///
    /// - Parameters:
    ///   - target: The memory for the bytes.
    ///   - deadline: The time from which nothing more is read; nil for no limit.
    /// - Returns: The number of bytes read; 0 only at the end.
    /// - Throws: `.inputOutput`, also at the deadline; `.interrupted`.
    ///
    /// The corresponding C function is `read`.
    package func readNext(
        into target: inout MutableRawSpan, until deadline: ContinuousClock.Instant? = nil
    ) throws(SnapError) -> Int {
        while true {
            if let deadline, ContinuousClock.now >= deadline {
                throw SnapError(
                    .inputOutput, "the data did not end within the timeout", path: path)
            }
            do throws(Errno) {
                // The signal may have interrupted another thread instead of this one.
                if Interruption.isRequested { throw Errno.interrupted }
                if try calls.waitToRead(descriptor, milliseconds: 200) {
                    return try calls.read(descriptor, into: &target)
                }
            } catch {
                throw SnapError(error, action: "read", path: path)
            }
        }
    }

    /// Writes all bytes of a span at an offset.
    ///
    /// - Parameters:
    ///   - source: The bytes to write.
    ///   - offset: The offset of the first of them in the file, in bytes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C function is `pwrite`.
    package func write(_ source: RawSpan, at offset: Int) throws(SnapError) {
        try writeAll(source, at: offset) { (rest, count) throws(Errno) in
            try calls.write(descriptor, rest, at: offset + count)
        }
    }

    /// Writes all bytes of a span at the descriptor's own position, as pipes require.
    ///
    /// - Parameter source: The bytes to write.
    /// - Throws: `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C function is `write`.
    package func append(_ source: RawSpan) throws(SnapError) {
        try writeAll(source, at: nil) { (rest, _) throws(Errno) in
            try calls.write(descriptor, rest)
        }
    }

    private func writeAll(
        _ source: RawSpan, at offset: Int?, _ write: (RawSpan, Int) throws(Errno) -> Int
    ) throws(SnapError) {
        var count = 0
        while count < source.byteCount {
            try Interruption.check()
            do {
                count += try write(source.extracting(droppingFirst: count), count)
            } catch {
                throw SnapError(
                    error, action: "write \(source.byteCount - count) bytes", path: path,
                    offset: offset.map { $0 + count })
            }
        }
    }

    /// Sets the file's length; bytes that are added read as zeros.
    ///
    /// - Parameter byteCount: The new length in bytes.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `ftruncate`.
    package func setLength(_ byteCount: Int) throws(SnapError) {
        do { try calls.setLength(descriptor, byteCount) } catch {
            throw SnapError(error, action: "set the length to \(byteCount) bytes", path: path)
        }
    }

    /// Waits until the file's bytes and length are on the disk.
    ///
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fsync`.
    package func synchronize() throws(SnapError) {
        do { try calls.synchronize(descriptor) } catch {
            throw SnapError(error, action: "fsync", path: path)
        }
    }

    /// Asks the kernel to start writing bytes to the disk, which shortens a later `synchronize`.
    ///
    /// Does nothing if the file system does not support this.
    ///
    /// - Parameters:
    ///   - offset: The offset of the first byte, in bytes.
    ///   - byteCount: The number of bytes.
    /// - Throws: `.inputOutput` if an earlier write was lost.
    ///
    /// The corresponding C function is `sync_file_range`.
    package func startWriteBack(from offset: Int, byteCount: Int) throws(SnapError) {
        do { try calls.startWriteBack(descriptor, from: offset, byteCount: byteCount) } catch {
            if error == .invalidArgument || error == .illegalSeek || error == .noFunction {
                return
            }
            throw SnapError(error, action: "start write-back", path: path, offset: offset)
        }
    }
}
