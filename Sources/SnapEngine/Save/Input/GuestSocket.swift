import CheckpointStore
package import GuestMemory
import LiveGuest
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A QMP socket in a directory that has one for each guest.
package struct GuestSocket: Sendable {
    /// The path of the socket.
    package let path: FilePath

    /// The endings of a socket's name that are not part of the guest's name.
    private static let endings = [".qmp", ".sock", ".socket"]

    /// Finds the sockets in a directory, and symbolic links, which can lead to sockets.
    ///
    /// - Parameters:
    ///   - directory: The directory.
    ///   - calls: The system calls.
    /// - Returns: The sockets, in the order of their names.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package static func all(
        in directory: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> [GuestSocket] {
        let folder = Directory(directory, calls)
        var sockets: [GuestSocket] = []
        for name in try folder.names().sorted() {
            let kind = try folder.status(of: name)?.kind
            guard kind == .socket || kind == .symbolicLink else { continue }
            sockets.append(GuestSocket(path: directory.appending(name)))
        }
        return sockets
    }

    /// The name of the guest: the socket's name without its endings.
    var stem: String {
        var name = path.lastComponent?.string ?? ""
        while let ending = Self.endings.first(where: name.hasSuffix) {
            name.removeLast(ending.count)
        }
        return name
    }

    /// Derives the guest's name from the socket's.
    ///
    /// - Parameter others: All sockets of the directory.
    /// - Returns: The name, such as `web1` for `web1.qmp`.
    /// - Throws: `.mismatch` if it is not a valid name, or if another socket has the same.
    package func guest(among others: [GuestSocket]) throws(SnapError) -> GuestName {
        guard let guest = GuestName(stem) else {
            throw SnapError(
                .mismatch, "name without its ending is \"\(stem)\", which is not a guest name",
                path: path)
        }
        if let other = others.first(where: { $0.stem == stem && $0.path != path }) {
            throw SnapError(
                .mismatch, "is a second socket of guest \(guest), like \(other.path)", path: path)
        }
        return guest
    }

    /// Asks QEMU whether the guest runs.
    ///
    /// - Parameters:
    ///   - guest: The guest's name in the store.
    ///   - store: The store's directory.
    ///   - context: The context of the operation.
    /// - Returns: Why the guest is not saved: it does not run; nil if it runs.
    /// - Throws: As `GuestActivity.query`.
    package func idleReason(
        of guest: GuestName, in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> String? {
        let directory = StoreDirectory(store, context).guest(guest).directory
        switch try GuestActivity.query(at: path, in: directory, context) {
        case .running: return nil
        case .idle(let reason): return reason
        }
    }
}
