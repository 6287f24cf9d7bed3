import CheckpointStore
package import GuestMemory
import LiveGuest
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A running guest that snap has found itself: by a QMP socket in a directory that has one for each
/// guest, or as a domain of libvirt.
package struct FoundGuest: Sendable {
    /// How to connect to the guest's QEMU.
    package let address: GuestAddress
    /// The socket's name without its endings, or the domain's name.
    let foundName: String

    /// The endings of a socket's name that are not part of the guest's name.
    private static let endings = [".qmp", ".sock", ".socket"]

    /// Finds the sockets in a directory, and symbolic links, which can lead to sockets.
    ///
    /// - Parameters:
    ///   - directory: The directory.
    ///   - calls: The system calls.
    /// - Returns: The guests, in the order of the sockets' names.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package static func all(
        in directory: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> [FoundGuest] {
        let folder = Directory(directory, calls)
        var guests: [FoundGuest] = []
        for name in try folder.names().sorted() {
            let kind = try folder.status(of: name)?.kind
            guard kind == .socket || kind == .symbolicLink else { continue }
            var stem = name
            while let ending = endings.first(where: stem.hasSuffix) {
                stem.removeLast(ending.count)
            }
            guests.append(
                FoundGuest(address: .socket(directory.appending(name)), foundName: stem))
        }
        return guests
    }

    /// Finds the domains of libvirt that run or are paused.
    ///
    /// - Parameter connection: The URI of the connection to libvirt; nil for libvirt's default.
    /// - Returns: The guests, in the order of the domains' names.
    /// - Throws: `.notFound`, `.permission`, `.unsupported` or `.inputOutput` if libvirt cannot be
    ///   asked.
    package static func all(
        inLibvirt connection: String?
    ) throws(SnapError) -> [FoundGuest] {
        try GuestAddress.activeDomains(of: connection).map {
            FoundGuest(address: .domain($0, connection: connection), foundName: $0)
        }
    }

    /// Derives the guest's name in the store.
    ///
    /// - Parameters:
    ///   - others: All guests that were found with it.
    ///   - names: The names that the user has chosen, by the name of the domain.
    /// - Returns: The name, such as `web1` for the socket `web1.qmp` or the domain `web1`.
    /// - Throws: `.mismatch` if it is not a valid name, or if another guest has the same.
    package func guest(
        among others: [FoundGuest], _ names: [String: GuestName] = [:]
    ) throws(SnapError) -> GuestName {
        guard let guest = name(names) else {
            throw SnapError(
                .mismatch, "\"\(foundName)\" is not a valid name of a guest", path: address.path,
                hint: Self.hint(for: address))
        }
        let other = others.first { $0.address != address && $0.name(names) == guest }
        if let other {
            throw SnapError(
                .mismatch, "is a second guest \(guest), like \(other.address.path)",
                path: address.path)
        }
        return guest
    }

    private func name(_ names: [String: GuestName]) -> GuestName? {
        names[foundName] ?? GuestName(foundName)
    }

    private static func hint(for address: GuestAddress) -> String? {
        guard case .domain(let name, _) = address else { return nil }
        return "use --guest-name '\(name)=NAME'"
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
        switch try GuestActivity.query(at: address, in: directory, context) {
        case .running: return nil
        case .idle(let reason): return reason
        }
    }
}
