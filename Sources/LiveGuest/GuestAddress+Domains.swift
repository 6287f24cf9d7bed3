package import GuestMemory
import Libvirt
package import SnapSystem

extension GuestAddress {
    /// Lists the domains of libvirt that run or are paused.
    ///
    /// - Parameter uri: The URI of the connection to libvirt; nil for libvirt's default.
    /// - Returns: The names of the domains, in alphabetical order.
    /// - Throws: As `LibvirtConnection.init` and `LibvirtConnection.activeDomains`.
    package static func activeDomains(of uri: String?) throws(SnapError) -> [String] {
        try LibvirtConnection(to: uri).activeDomains()
    }
}
