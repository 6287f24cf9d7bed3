import CLibvirt
import SnapSystem
import SystemPackage

/// An error of a function of libvirt: its number (virErrorNumber) and its message.
struct LibvirtError: Error {
    private let number: Int32
    private let message: String

    private static let noDomain: Int32 = 42
    private static let authenticationFailed: Int32 = 45
    private static let operationDenied: Int32 = 29
    private static let operationInvalid: Int32 = 55
    private static let operationTimedOut: Int32 = 68
    private static let systemError: Int32 = 38
    private static let authenticationCancelled: Int32 = 79
    private static let authenticationUnavailable: Int32 = 94
    private static let accessDenied: Int32 = 88

    /// The last error in this thread.
    static func last() -> LibvirtError {
        var number: Int32 = 0
        let text = unsafe snap_libvirt_error(&number)
        let message = unsafe text.map { unsafe String(cString: $0) }
        return LibvirtError(number: number, message: message ?? "libvirt gives no reason")
    }

    /// Describes the error.
    ///
    /// - Parameters:
    ///   - action: What failed, such as `cannot connect to libvirt`.
    ///   - path: What the error is about.
    func snapError(_ action: String, path: FilePath? = nil) -> SnapError {
        SnapError(code, "\(action): \(message)", path: path)
    }

    private var code: SnapError.Code {
        switch number {
        case Self.noDomain, Self.operationInvalid: .notFound
        case Self.authenticationFailed, Self.authenticationCancelled,
            Self.authenticationUnavailable, Self.operationDenied, Self.accessDenied:
            .permission
        case Self.operationTimedOut: .busy
        case Self.systemError where message.contains("Permission denied"): .permission
        default: .inputOutput
        }
    }
}
