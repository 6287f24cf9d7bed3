import Glibc
package import SystemPackage

/// An open file with one owner: positioned reads and writes, closed when the owner ends.
///
/// Positioned I/O on an immutable descriptor may be done from several threads at once. Every
/// error names the file and where in it.
package struct File: ~Copyable, Sendable {
    /// The path the file was opened by, for messages.
    package let path: FilePath
    /// The system calls through which the file is used.
    let calls: SystemCalls
    let descriptor: Int32
    private let isOwner: Bool

    private init(standard descriptor: Int32, _ path: FilePath, _ calls: SystemCalls) {
        self.path = path
        self.calls = calls
        self.descriptor = descriptor
        isOwner = false
    }

    /// Takes over a descriptor that is open.
    init(owning descriptor: Int32, _ path: FilePath, _ calls: SystemCalls) {
        self.path = path
        self.calls = calls
        self.descriptor = descriptor
        isOwner = true
    }

    /// The process's standard input, which is not closed.
    ///
    /// - Parameter calls: The system calls.
    package static func standardInput(_ calls: SystemCalls) -> File {
        File(standard: STDIN_FILENO, "standard input", calls)
    }

    /// The process's standard output, which is not closed.
    ///
    /// - Parameter calls: The system calls.
    package static func standardOutput(_ calls: SystemCalls) -> File {
        File(standard: STDOUT_FILENO, standardOutputName, calls)
    }

    /// What messages call standard output.
    package static let standardOutputName: FilePath = "standard output"

    deinit { if isOwner { calls.close(descriptor) } }

    /// What the file is, how long, and whose.
    ///
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fstat`.
    package func status() throws(SnapError) -> FileStatus {
        do { return FileStatus(try calls.status(of: descriptor)) } catch {
            throw SnapError(error, action: "look at", path: path)
        }
    }

    /// The file system that holds the file; nil if snap has no rule for it.
    ///
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fstatfs`.
    package func fileSystem() throws(SnapError) -> FileSystemType? {
        do { return FileSystemType(rawValue: try calls.fileSystemType(of: descriptor)) } catch {
            throw SnapError(error, action: "look at the file system of", path: path)
        }
    }

    /// Reads until the target is full or the file ends.
    ///
    /// - Parameters:
    ///   - target: Where the bytes go.
    ///   - offset: Where they are, in bytes from the file's start.
    /// - Returns: How many bytes were read; fewer than the target holds only at the file's end.
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

    /// Reads some bytes into an array of their own.
    ///
    /// - Parameters:
    ///   - byteCount: How many; already compared with a limit by the caller.
    ///   - offset: Where they are, in bytes from the file's start.
    /// - Returns: The bytes; fewer only at the file's end.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func read(byteCount: Int, at offset: Int) throws(SnapError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let count = try bytes.withMutableBytes { (target) throws(SnapError) in
            try read(into: &target, at: offset)
        }
        bytes.removeLast(byteCount - count)
        return bytes
    }

    /// Reads at the descriptor's own position, as much as there is: for pipes.
    ///
    /// - Parameters:
    ///   - target: Where the bytes go.
    ///   - deadline: How long to wait, and when to read no more; nil for no limit.
    /// - Returns: How many bytes were read; 0 only at the end.
    /// - Throws: `.inputOutput`, also at the deadline; `.interrupted`.
    ///
    /// The corresponding C function is `read`.
    package func readNext(
        into target: inout MutableRawSpan, until deadline: ContinuousClock.Instant? = nil
    ) throws(SnapError) -> Int {
        while true {
            if let deadline, ContinuousClock.now >= deadline {
                throw SnapError(.inputOutput, "the end does not come in time", path: path)
            }
            do throws(Errno) {
                // A signal may wake another thread than the one that waits here.
                if Interruption.isRequested { throw Errno.interrupted }
                if try calls.waitToRead(descriptor, milliseconds: 200) {
                    return try calls.read(descriptor, into: &target)
                }
            } catch {
                throw SnapError(error, action: "read", path: path)
            }
        }
    }

    /// Writes all bytes at a place.
    ///
    /// - Parameters:
    ///   - source: The bytes.
    ///   - offset: Where they go, in bytes from the file's start.
    /// - Throws: `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C function is `pwrite`.
    package func write(_ source: RawSpan, at offset: Int) throws(SnapError) {
        try writeAll(source, at: offset) { (rest, count) throws(Errno) in
            try calls.write(descriptor, rest, at: offset + count)
        }
    }

    /// Writes all bytes at the descriptor's own position: for pipes.
    ///
    /// - Parameter source: The bytes.
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

    /// Sets the file's length; what is added reads as zeros.
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

    /// Asks the kernel to begin writing bytes to the disk, so that a later `synchronize` waits
    /// less.
    ///
    /// A file system that cannot is left alone.
    ///
    /// - Parameters:
    ///   - offset: Where the bytes begin.
    ///   - byteCount: How many they are.
    /// - Throws: `.inputOutput`: an earlier write was lost.
    ///
    /// The corresponding C function is `sync_file_range`.
    package func startWriteBack(from offset: Int, byteCount: Int) throws(SnapError) {
        do { try calls.startWriteBack(descriptor, from: offset, byteCount: byteCount) } catch {
            if error == .invalidArgument || error == .illegalSeek || error == .noFunction {
                return
            }
            throw SnapError(error, action: "begin write-back", path: path, offset: offset)
        }
    }
}
