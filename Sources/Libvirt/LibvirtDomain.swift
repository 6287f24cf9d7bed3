import CLibvirt
import Glibc
package import SnapSystem
package import SystemPackage

/// A domain of libvirt: a guest that libvirt manages.
package final class LibvirtDomain: Sendable {
    /// An event of the domain's QEMU.
    package struct Event: Sendable, Equatable {
        /// QEMU's name of the event: `STOP` or `RESUME`.
        package let name: String
        /// The time since 1970, in seconds and microseconds.
        package let seconds: Int64
        /// The rest of the time, in microseconds.
        package let microseconds: UInt32
    }

    private final class Receiver: Sendable {
        let body: @Sendable (Event) -> Void

        init(_ body: @escaping @Sendable (Event) -> Void) { self.body = body }
    }

    /// The domain's UUID, in lower case with hyphens.
    package let uuid: String
    /// What error messages name.
    private let path: FilePath
    private let connection: LibvirtConnection
    private let handle: snap_libvirt_handle
    /// The number of the registration for events.
    private let watch: Int32

    /// Finds a domain and starts to receive its events.
    ///
    /// - Parameters:
    ///   - name: The domain's name.
    ///   - connection: The connection.
    ///   - path: What error messages name.
    ///   - receive: Receives the events, in a thread of its own.
    /// - Throws: `.notFound` if there is no such domain; `.permission` or `.inputOutput`.
    package init(
        _ name: String, of connection: LibvirtConnection, shownAs path: FilePath,
        receive: @escaping @Sendable (Event) -> Void
    ) throws(SnapError) {
        let handle = unsafe snap_libvirt_find(connection.handle, name)
        guard handle != 0 else {
            throw LibvirtError.last().snapError("cannot find the domain", path: path)
        }
        var text = [CChar](repeating: 0, count: Int(snap_libvirt_uuid_size))
        guard unsafe snap_libvirt_uuid(handle, &text) == 0 else {
            let error = LibvirtError.last()
            snap_libvirt_release(handle)
            throw error.snapError("cannot read the UUID", path: path)
        }
        uuid = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let receiver = unsafe Unmanaged.passRetained(Receiver(receive))
        let watch = unsafe snap_libvirt_watch(
            connection.handle, handle,
            { context, name, seconds, microseconds in
                guard let context = unsafe context, let name = unsafe name else { return }
                unsafe Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue().body(
                    Event(
                        name: String(cString: name), seconds: seconds,
                        microseconds: microseconds))
            }, receiver.toOpaque(),
            { context in
                if let context = unsafe context {
                    unsafe Unmanaged<Receiver>.fromOpaque(context).release()
                }
            })
        guard watch >= 0 else {
            let error = LibvirtError.last()
            unsafe receiver.release()
            snap_libvirt_release(handle)
            throw error.snapError("cannot receive events", path: path)
        }
        self.path = path
        self.connection = connection
        self.handle = handle
        self.watch = watch
    }

    deinit {
        snap_libvirt_unwatch(connection.handle, watch)
        snap_libvirt_release(handle)
    }

    /// Executes a QMP command, and waits for QEMU's reply.
    ///
    /// - Parameters:
    ///   - command: The command, a JSON object without an id, because libvirt adds its own.
    ///   - file: A file of which QEMU gets a descriptor; nil for none.
    /// - Returns: QEMU's reply, a JSON object. It can be an error.
    /// - Throws: `.notFound` if the domain does not run; `.busy` if another operation of libvirt
    ///   does not end; `.permission` or `.inputOutput`.
    package func execute(
        _ command: String, passing file: SharedFile?
    ) throws(SnapError) -> [UInt8] {
        let descriptor = file?.file.descriptor ?? -1
        guard let reply = unsafe snap_libvirt_execute(handle, command, descriptor) else {
            throw LibvirtError.last().snapError(
                "libvirt cannot pass a command to QEMU", path: path)
        }
        defer { unsafe free(reply) }
        return unsafe Array(String(cString: reply).utf8)
    }

    /// Reads the domain's description, as libvirt needs it to restore a saved domain.
    ///
    /// - Returns: The XML, with passwords.
    /// - Throws: `.permission` or `.inputOutput`.
    package func description() throws(SnapError) -> [UInt8] {
        guard let text = unsafe snap_libvirt_description(handle) else {
            throw LibvirtError.last().snapError(
                "cannot read the description", path: path)
        }
        defer { unsafe free(text) }
        return unsafe Array(String(cString: text).utf8)
    }
}
