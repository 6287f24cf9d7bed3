import Foundation
package import GuestMemory
package import SavevmFormat
package import SnapSystem
import SystemPackage

/// A store's id and the key of its digests, kept in `store.json`.
package struct StoreIdentity: Sendable, Equatable {
    /// The store's id.
    package let id: Identifier
    /// The key with which digests are computed.
    package let digestKey: DigestKey

    private static let formatVersion = 0

    /// The file's content.
    private struct Content: Codable {
        var formatVersion: Int
        var storeID: String?
        var digestKey: String?
    }

    /// A new store's identity.
    static func random() -> StoreIdentity {
        StoreIdentity(id: .random(), digestKey: .random())
    }

    /// Makes an identity; the parameters are the properties.
    init(id: Identifier, digestKey: DigestKey) {
        self.id = id
        self.digestKey = digestKey
    }

    /// Reads a store's identity.
    ///
    /// - Parameter store: The store's directory.
    /// - Throws: `.notFound` if the file is not there, `.damaged` with a hint, `.unsupported` for
    ///   another major version.
    package init(readingFrom store: Directory) throws(SnapError) {
        let path = store.file(StoreDirectory.identityName)
        let file = try File(reading: StoreDirectory.identityName, in: store)
        let bytes = try file.read(byteCount: 1 << 16, at: 0)
        guard let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)) else {
            throw Self.damaged("is not JSON of the expected form", path)
        }
        guard content.formatVersion == Self.formatVersion else {
            throw SnapError(
                .unsupported,
                "format version is \(content.formatVersion), this snap reads "
                    + "version \(Self.formatVersion)", path: path)
        }
        guard let id = content.storeID.flatMap({ Identifier(hex: $0) }),
            let digestKey = content.digestKey.flatMap({ Self.bytes(hex: $0) })
                .flatMap({ DigestKey($0) })
        else { throw Self.damaged("has no storeID of 32 hex digits or no digestKey of 384", path) }
        self.init(id: id, digestKey: digestKey)
    }

    private static func damaged(_ message: String, _ path: FilePath) -> SnapError {
        SnapError(
            .damaged, message, path: path, hint: StoreDirectory.reindexHint)
    }

    /// Writes the identity durably, over one that was there.
    ///
    /// - Parameter store: The store's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    func write(to store: Directory) throws(SnapError) {
        let key = digestKey.bytes.map { String($0, radix: 16).padded(to: 2) }.joined()
        let text = """
            {
              "formatVersion": \(Self.formatVersion),
              "storeID": "\(id.hex)",
              "digestKey": "\(key)"
            }

            """
        try store.replace(
            StoreDirectory.identityName, with: Array(text.utf8), isDurable: true)
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}
