import Foundation
import SystemPackage

/// Unix domain sockets (unix(7)).
package enum UnixSocket {
    /// Creates a stream socket and binds it to a path.
    ///
    /// - Parameter path: The path, at which no file may exist.
    /// - Returns: The socket's descriptor, which the caller must close.
    package static func bind(to path: FilePath) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { target in
            target.copyBytes(from: path.string.utf8.prefix(target.count - 1))
        }
        let isBound = withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                Foundation.bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isBound else { throw Errno(rawValue: errno) }
        return descriptor
    }

    /// Waits for bytes, and receives them with the descriptor that was passed, if any (SCM_RIGHTS).
    ///
    /// - Parameter descriptor: The descriptor of a connected socket.
    /// - Returns: The bytes, which are empty if the peer has closed the connection, and the passed
    ///   descriptor; nil on failure.
    package static func receive(from descriptor: Int32) -> (bytes: [UInt8], passed: Int32?)? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // A header of 16 bytes, and the passed descriptor (cmsg(3)).
        var control = [Int64](repeating: 0, count: 3)
        var controlByteCount = 0
        let count = bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    let count = recvmsg(descriptor, &message, 0)
                    controlByteCount = message.msg_controllen
                    return count
                }
            }
        }
        guard count >= 0 else { return nil }
        let passed = controlByteCount >= 20 ? Int32(truncatingIfNeeded: control[2]) : nil
        return (Array(bytes.prefix(count)), passed)
    }
}
