package import SystemPackage

/// The one error of the package: what went wrong, where, and the status the command exits with.
///
/// A message is lower case, without a full stop, and says what was found and what was expected,
/// numbers with their units. The printed form is `PATH: offset N: MESSAGE`.
package struct SnapError: Error, Sendable, Equatable {
    /// The kinds of failure; each raw value is an exit status of the command (see snap(1)).
    package enum Code: Int32, Sendable {
        /// The store is damaged, whichever command found it.
        case damaged = 1
        /// The command line cannot be understood.
        case usage = 64
        /// The input is damaged: a memory image that shrank, a stream cut short.
        case inputDamaged = 65
        /// An input, a guest or a checkpoint is not there.
        case notFound = 66
        /// A defect of snap itself.
        case internalFailure = 70
        /// An output exists or cannot be made.
        case cannotCreate = 73
        /// The system failed to read or write; a full disk included.
        case inputOutput = 74
        /// Another snap holds the lock.
        case busy = 75
        /// A version or format that this snap does not know.
        case unsupported = 76
        /// The system refuses access.
        case permission = 77
        /// An image or a bitmap has the wrong length.
        case mismatch = 78
        /// A signal asked the command to end.
        case interrupted = 130
    }

    /// The kind of failure.
    package let code: Code
    /// What was found and what was expected.
    package let message: String
    /// The file or directory in which it was found.
    package let path: FilePath?
    /// Where in that file, in bytes from its start.
    package let offset: Int?
    /// What the user can do about it.
    package let hint: String?
    /// What a system call returned; nil if none failed.
    package let errno: Errno?

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: The kind of failure.
    ///   - message: What was found and what was expected.
    ///   - path: The file or directory in which it was found.
    ///   - offset: Where in that file, in bytes from its start.
    ///   - hint: What the user can do about it.
    ///   - errno: What a system call returned.
    package init(
        _ code: Code, _ message: String, path: FilePath? = nil, offset: Int? = nil,
        hint: String? = nil, errno: Errno? = nil
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.offset = offset
        self.hint = hint
        self.errno = errno
    }

    /// Makes the error of a failed system call.
    ///
    /// - Parameters:
    ///   - errno: What the call returned.
    ///   - action: What was tried, an infinitive: `open`, `write 4096 bytes`.
    ///   - path: What it was tried on.
    ///   - offset: Where in that file, in bytes from its start.
    package init(_ errno: Errno, action: String, path: FilePath, offset: Int? = nil) {
        self.init(
            Code(errno), errno == .interrupted ? "interrupted" : "cannot \(action): \(errno)",
            path: path, offset: offset, errno: errno)
    }

    /// The same error of another kind.
    ///
    /// - Parameter code: The kind of failure.
    package func with(code: Code) -> SnapError {
        SnapError(code, message, path: path, offset: offset, hint: hint, errno: errno)
    }

    /// The same error with another hint.
    ///
    /// - Parameter hint: What the user can do about it.
    package func with(hint: String) -> SnapError {
        SnapError(code, message, path: path, offset: offset, hint: hint, errno: errno)
    }
}

extension SnapError {
    /// Whether a file was read and is not what it should be: damaged, or of a later version.
    package var isBadContent: Bool { code == .damaged || code == .unsupported }

    /// Whether it is what is stored that is wrong, and not what this process may or can do: that
    /// it has too many files open, say, is no damage.
    package var isDamage: Bool {
        switch code {
        case .damaged, .unsupported, .notFound: true
        case .inputOutput: errno == .ioError
        case .usage, .inputDamaged, .internalFailure, .cannotCreate, .busy, .permission,
            .mismatch, .interrupted:
            false
        }
    }
}

extension SnapError: CustomStringConvertible {
    /// `PATH: offset N: MESSAGE`, without the parts that are not known.
    package var description: String {
        let place = [path?.string, offset.map { "offset \($0)" }]
        return (place.compactMap(\.self) + [message]).joined(separator: ": ")
    }
}

extension SnapError.Code {
    fileprivate init(_ errno: Errno) {
        self =
            switch errno {
            case .noSuchFileOrDirectory, .notDirectory: .notFound
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: .permission
            case .fileExists: .cannotCreate
            case .interrupted: .interrupted
            default: .inputOutput
            }
    }
}
