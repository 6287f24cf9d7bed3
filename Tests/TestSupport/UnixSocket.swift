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
}
