import Foundation
import SystemPackage

/// Sockets that have a name.
package enum UnixSocket {
    /// Makes a stream socket and gives it a name.
    ///
    /// - Parameter path: The name, which nothing may have.
    /// - Returns: Its descriptor, which the caller closes.
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

    /// Receives what there is, and a descriptor if one comes along (unix(7), SCM_RIGHTS).
    ///
    /// - Parameter descriptor: A connection.
    /// - Returns: The bytes, none if the other end has closed; nil on failure.
    package static func receive(from descriptor: Int32) -> (bytes: [UInt8], passed: Int32?)? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // A head of 16 bytes, and what is passed (cmsg(3)).
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
