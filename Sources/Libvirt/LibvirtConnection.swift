// Libvirt
//
// Domains of a libvirt on this machine: which of them run, their description, QMP commands to their
// QEMU, and its events. It imports SnapSystem, and knows neither QMP nor checkpoints. libvirt's C
// library is loaded when the first connection is opened. Start here.

import CLibvirt
import Glibc
package import SnapSystem

/// A connection to libvirt's daemon on this machine, closed when the last reference is released.
package final class LibvirtConnection: Sendable {
    let handle: snap_libvirt_handle

    /// Connects to libvirt.
    ///
    /// - Parameter uri: The connection's URI, such as `qemu:///system`; nil for libvirt's default.
    /// - Throws: `.unsupported` if libvirt is not installed, is older than 8.2, or is on another
    ///   machine; `.inputOutput`, also if its daemon does not run; `.permission`.
    package init(to uri: String?) throws(SnapError) {
        try LibvirtLibrary.load()
        handle = unsafe snap_libvirt_connect(uri)
        guard handle != 0 else {
            throw LibvirtError.last().snapError(
                "cannot connect to libvirt" + (uri.map { " at \($0)" } ?? ""))
        }
        try checkMachine()
    }

    deinit { snap_libvirt_disconnect(handle) }

    /// Refuses a libvirt on another machine, whose QEMU snap can neither read nor pass descriptors.
    private func checkMachine() throws(SnapError) {
        guard let text = unsafe snap_libvirt_uri(handle) else {
            throw LibvirtError.last().snapError("cannot find out where libvirt runs")
        }
        defer { unsafe free(text) }
        let uri = unsafe String(cString: text)
        let place = uri.split(separator: "://", maxSplits: 1).last ?? ""
        guard uri.contains("://"), place.hasPrefix("/") else {
            throw SnapError(
                .unsupported, "libvirt is at \(uri), expected a connection to this machine",
                hint: "run snap on the machine of the guest, with --connect qemu:///system")
        }
        guard uri.hasPrefix("qemu") else {
            throw SnapError(
                .unsupported, "libvirt's connection is \(uri), expected one of QEMU",
                hint: "use --connect qemu:///system")
        }
    }

    /// Lists the domains that are active: that run or are paused.
    ///
    /// - Returns: Their names, in alphabetical order.
    /// - Throws: `.permission` or `.inputOutput`.
    package func activeDomains() throws(SnapError) -> [String] {
        guard let text = unsafe snap_libvirt_active_domains(handle) else {
            throw LibvirtError.last().snapError("cannot list libvirt's domains")
        }
        defer { unsafe free(text) }
        return unsafe String(cString: text).split(separator: "\n").map(String.init).sorted()
    }
}
