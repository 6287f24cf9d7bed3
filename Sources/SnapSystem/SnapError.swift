import Glibc
package import SystemPackage

/// The package's only error type: the problem, its place, and the exit status of the command.
///
/// A message is in lower case and has no full stop. It states the value that was found and the one
/// that was expected, with units. The printed form is `PATH: offset N: MESSAGE`.
package struct SnapError: Error, Sendable, Equatable {
    /// The kinds of failure; each raw value is an exit status of snap, listed in snap(1).
    package enum Code: Int32, Sendable {
        /// The store is damaged; every command reports damage with this code.
        case damaged = 1
        /// A guest's newest checkpoint is older than the caller of `snap status` allows.
        case tooOld = 2
        /// A checkpoint is saved, but deleting old ones after it failed.
        case pruneFailed = 3
        /// Some of several guests were not saved.
        case notAllSaved = 4
        /// The command line or an environment variable is not valid.
        case usage = 64
        /// The input is damaged, such as an image that shrank or a stream that is cut short.
        case inputDamaged = 65
        /// An input, a guest or a checkpoint does not exist.
        case notFound = 66
        /// snap itself has a defect.
        case internalFailure = 70
        /// An output already exists or cannot be created.
        case cannotCreate = 73
        /// The system failed to read or write, for example because the disk is full.
        case inputOutput = 74
        /// Another snap holds the lock, or a socket is in use.
        case busy = 75
        /// This snap does not support the version or format.
        case unsupported = 76
        /// The system or one of snap's own checks refuses access.
        case permission = 77
        /// An input or output does not fit, such as an image of the wrong length.
        case mismatch = 78
        /// A signal asked the command to stop.
        case interrupted = 130
    }

    /// The kind of failure, which determines the exit status.
    package let code: Code
    /// The text of the error: what was found and what was expected.
    package let message: String
    /// The file or directory that the error is about; nil if it is not about a file.
    package let path: FilePath?
    /// The offset of the problem in that file, in bytes; nil if it is not known.
    package let offset: Int?
    /// Advice for the user, as an imperative fragment; nil without advice.
    package let hint: String?
    /// The error number of the failed system call; nil if no call failed.
    package let errno: Errno?

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - code: The kind of failure.
    ///   - message: What was found and what was expected.
    ///   - path: The file or directory that the error is about.
    ///   - offset: The offset of the problem in that file, in bytes.
    ///   - hint: Advice for the user, as an imperative fragment.
    ///   - errno: The error number of the failed system call.
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

    /// Creates the error of a failed system call.
    ///
    /// - Parameters:
    ///   - errno: The call's error number, from which the code follows.
    ///   - action: What snap tried to do, as an infinitive: `open`, `write 4096 bytes`.
    ///   - path: The file or directory that the call was made on.
    ///   - offset: The offset in that file, in bytes.
    package init(_ errno: Errno, action: String, path: FilePath, offset: Int? = nil) {
        self.init(
            Code(errno), errno == .interrupted ? "interrupted" : "cannot \(action): \(errno)",
            path: path, offset: offset, errno: errno)
    }

    /// Copies the error and changes its kind.
    ///
    /// - Parameter code: The new kind of failure.
    /// - Returns: The changed copy.
    package func with(code: Code) -> SnapError {
        SnapError(code, message, path: path, offset: offset, hint: hint, errno: errno)
    }

    /// Copies the error and changes its hint.
    ///
    /// - Parameter hint: The new advice for the user.
    /// - Returns: The changed copy.
    package func with(hint: String) -> SnapError {
        SnapError(code, message, path: path, offset: offset, hint: hint, errno: errno)
    }
}

extension SnapError {
    /// Whether a file was read but its content is damaged or has an unsupported version.
    package var isBadContent: Bool { code == .damaged || code == .unsupported }

    /// Whether the disk is full, or the user's or the group's quota is used up.
    package var isNoSpace: Bool {
        errno == .noSpace || errno == Errno(rawValue: EDQUOT)
    }

    /// Whether the stored data is damaged, missing, or of an unsupported version.
    ///
    /// This is false for an error of the process or the system: too many open files, for example,
    /// are not damage.
    package var isDamage: Bool {
        switch code {
        case .damaged, .unsupported, .notFound: true
        case .inputOutput: errno == .ioError
        case .tooOld, .pruneFailed, .notAllSaved, .usage, .inputDamaged, .internalFailure,
            .cannotCreate, .busy, .permission, .mismatch, .interrupted:
            false
        }
    }
}

extension SnapError: CustomStringConvertible {
    /// The error in the form `PATH: offset N: MESSAGE`, without the parts that are not known.
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
