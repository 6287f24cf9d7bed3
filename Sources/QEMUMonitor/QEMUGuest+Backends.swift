package import SnapSystem
package import SystemPackage

// The files of the guest's RAM (QEMU's qapi/qom.json).
extension QEMUGuest {
    private struct Child: Decodable {
        let name: String
        let type: String
    }

    private struct Property: Encodable {
        let path: String
        let property: String
    }

    private struct ObjectPath: Encodable {
        let path: String
    }

    /// A memory backend: a file that contains RAM of the guest.
    package struct Backend: Sendable, Equatable {
        /// The file of a backend.
        package enum Place: Sendable, Equatable {
            /// A file with a path, absolute if QEMU's working directory can be seen.
            case file(FilePath)
            /// A file without a name (memfd_create(2)), which only QEMU has open.
            case memfd
        }

        /// The backend's id, which is the RAM block's name or the last part of it.
        package let name: String
        /// The file.
        package let place: Place
        /// The length of the RAM in bytes, which starts at the file's start.
        package let byteCount: Int

        /// Creates a backend; the parameters are the properties of these names.
        package init(name: String, place: Place, byteCount: Int) {
            self.name = name
            self.place = place
            self.byteCount = byteCount
        }
    }

    private static let fileBackend = "child<memory-backend-file>"
    private static let memfdBackend = "child<memory-backend-memfd>"
    private static let backendPrefix = "child<memory-backend-"
    /// The length limit of a path in bytes, without the 0 at its end (PATH_MAX).
    private static let pathByteCountMax = 4095
    /// The length limit of a RAM block's name in QEMU's stream, in bytes.
    private static let nameByteCountMax = 255

    /// Finds the files through which QEMU shares the guest's RAM.
    ///
    /// - Returns: The memory backends that are shared, at least one.
    /// - Throws: `.unsupported` if no backend is shared, or if one has no file or a file name that
    ///   snap cannot use; and what `QMPClient.ask` throws.
    package mutating func backends() throws(SnapError) -> [Backend] {
        let children: [Child] = try client.ask("qom-list", ObjectPath(path: "/objects"))
        var backends: [Backend] = []
        for child in children where child.type.hasPrefix(Self.backendPrefix) {
            guard child.name.utf8.count <= Self.nameByteCountMax else {
                throw SnapError(
                    .unsupported,
                    "name of memory backend \(child.name.shortened()) has more than "
                        + "\(Self.nameByteCountMax) bytes", path: client.path)
            }
            let object = "/objects/\(child.name)"
            let isShared: Bool = try client.ask(
                "qom-get", Property(path: object, property: "share"))
            // RAM that is not shared is in the stream.
            guard isShared else { continue }
            let place = try place(of: child, object)
            let byteCount: Int = try client.ask(
                "qom-get", Property(path: object, property: "size"))
            backends.append(Backend(name: child.name, place: place, byteCount: byteCount))
        }
        guard !backends.isEmpty else {
            throw SnapError(
                .unsupported, "no RAM of this guest is in a shared file", path: client.path,
                hint: "use --live; or " + sharingHint)
        }
        return backends
    }

    /// Finds the file of a memory backend.
    private mutating func place(
        of child: Child, _ object: String
    ) throws(SnapError) -> Backend.Place {
        if child.type == Self.memfdBackend { return .memfd }
        guard child.type == Self.fileBackend else {
            throw SnapError(
                .unsupported, "RAM \(child.name) is shared, but not in a file or a memfd",
                path: client.path, hint: "use --live; or " + sharingHint)
        }
        let path: String = try client.ask(
            "qom-get", Property(path: object, property: "mem-path"))
        // JSON cannot contain bytes that are not UTF-8. They become this character.
        guard !path.contains("\u{fffd}") else {
            throw SnapError(
                .unsupported, "name of the file of RAM \(child.name) is not UTF-8",
                path: client.path)
        }
        guard !path.utf8.contains(0), path.utf8.count <= Self.pathByteCountMax else {
            throw SnapError(
                .unsupported, "name of the file of RAM \(child.name) is not a valid path",
                path: client.path)
        }
        return .file(resolved(FilePath(path)))
    }

    /// Resolves a path relative to QEMU's working directory, which may be another one than snap's.
    private func resolved(_ path: FilePath) -> FilePath {
        guard path.isRelative, let directory = peer.process.workingDirectory else { return path }
        return directory.appending(path.components)
    }
}
