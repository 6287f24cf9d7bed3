package import SystemPackage

/// How to connect to the QEMU of a running guest.
package enum GuestAddress: Sendable, Equatable {
    /// A QMP socket.
    case socket(FilePath)
    /// A domain of libvirt, by its name, and the URI of the connection to libvirt; nil for
    /// libvirt's default.
    case domain(String, connection: String?)

    /// What error messages name: the socket's path, or the domain.
    package var path: FilePath {
        switch self {
        case .socket(let path): path
        case .domain(let name, _): FilePath("domain \(name)")
        }
    }
}
