import CLibvirt
import SnapSystem

/// The libraries of libvirt, loaded by dlopen(3) when they are first needed.
///
/// Linking them would double the time that every command takes to start.
enum LibvirtLibrary {
    /// The first version that passes descriptors to QEMU: 8.2.
    private static let versionMin: UInt = 8_002_000

    /// Loads the libraries and starts the thread that receives events.
    ///
    /// - Throws: `.unsupported` if libvirt is not installed or too old; `.inputOutput`.
    static func load() throws(SnapError) { try loaded.get() }

    private static let loaded: Result<Void, SnapError> = {
        if let message = unsafe snap_libvirt_load() {
            return .failure(
                SnapError(
                    .unsupported, "cannot load libvirt: \(unsafe String(cString: message))",
                    hint: "install libvirt's client library, Debian's package libvirt0"))
        }
        let version = snap_libvirt_version()
        guard version >= versionMin, snap_libvirt_can_pass_descriptors() != 0 else {
            return .failure(
                SnapError(
                    .unsupported, "libvirt has version \(text(version)), expected 8.2 or later"))
        }
        guard snap_libvirt_prepare_events() == 0 else {
            return .failure(LibvirtError.last().snapError("cannot receive libvirt's events"))
        }
        let isStarted = DetachedThread.start {
            while snap_libvirt_run_events() == 0 {}
        }
        guard isStarted else {
            return .failure(SnapError(.inputOutput, "cannot start a thread for libvirt's events"))
        }
        return .success(())
    }()

    private static func text(_ version: UInt) -> String {
        "\(version / 1_000_000).\(version / 1000 % 1000).\(version % 1000)"
    }
}
