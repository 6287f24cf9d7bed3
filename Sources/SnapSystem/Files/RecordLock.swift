import CLinux
import SystemPackage

/// Shared locks on bytes of an open file, held until the value is destroyed.
///
/// The bytes are only numbers on which processes agree; they need not exist. A file that is open
/// for reading is sufficient (fcntl_locking(2), open file description locks).
package struct RecordLock: ~Copyable, Sendable {
    private let file: File
    private let bytes: Range<Int>

    /// Locks bytes of a file.
    ///
    /// - Parameters:
    ///   - runs: The offsets of the bytes, as ascending runs.
    ///   - file: The file, open for reading.
    ///   - timeout: How long to wait for another process to release an exclusive lock.
    /// - Throws: `.busy` at the timeout; `.unsupported` if the file system does not support locks;
    ///   `.interrupted` or `.inputOutput`.
    ///
    /// The corresponding C call is `fcntl` with `F_OFD_SETLK`.
    package init(
        sharing runs: [Range<Int>], of file: consuming File, timeout: Duration
    ) throws(SnapError) {
        let calls = file.calls
        let descriptor = file.descriptor
        for run in runs where !run.isEmpty {
            try LockWait.run(file.path, timeout: timeout) { () throws(Errno) in
                try calls.lockOpenFile(descriptor, run, type: Int32(snap_lock_read))
            }
        }
        bytes = (runs.first?.lowerBound ?? 0)..<(runs.last?.upperBound ?? 0)
        self.file = file
    }

    // Closing the file is not enough: a child process that another thread has just started may
    // still have a copy of the descriptor and so keep the locks.
    deinit {
        if !bytes.isEmpty {
            try? file.calls.lockOpenFile(file.descriptor, bytes, type: Int32(snap_lock_none))
        }
    }

    /// Finds the bytes of a file that other processes have locked, without waiting.
    ///
    /// - Parameters:
    ///   - bytes: The offsets to examine.
    ///   - file: The open file.
    /// - Returns: The locked bytes among them, as ascending runs.
    /// - Throws: `.unsupported` if the file system does not support locks; `.inputOutput`.
    ///
    /// The corresponding C call is `fcntl` with `F_OFD_GETLK`.
    package static func lockedBytes(
        _ bytes: Range<Int>, of file: borrowing File
    ) throws(SnapError) -> [Range<Int>] {
        var locked: [Range<Int>] = []
        var rest = bytes
        while !rest.isEmpty {
            let found: Range<Int>?
            do throws(Errno) { found = try file.calls.findLock(file.descriptor, rest) } catch {
                throw LockWait.failure(error, of: file.path)
            }
            guard let run = found else { break }
            // The kernel reports any one of the locks, so an earlier one may follow.
            if run.lowerBound > rest.lowerBound {
                locked += try lockedBytes(rest.lowerBound..<run.lowerBound, of: file)
            }
            locked.append(run)
            rest = run.upperBound..<rest.upperBound
        }
        return locked
    }
}
