import Foundation
package import GuestMemory
package import SavevmFormat
package import SnapSystem
import SystemPackage

/// A store's id and the key of its digests, kept in `store.json`.
package struct StoreIdentity: Sendable, Equatable {
    /// The id that each of the store's files contains in its header.
    package let id: Identifier
    /// The key with which the store's page digests are computed.
    package let digestKey: DigestKey

    /// The version of the store's format when `store.json` was written.
    let formatVersion: Int

    /// The version that new stores have.
    ///
    /// Version 0 is that of snap 0.1, which does not know that one device-state file can need
    /// another, and would delete it.
    private static let currentVersion = 1

    /// Whether a save must raise the version before it adds files that older versions would harm.
    var isOutdated: Bool { formatVersion < Self.currentVersion }

    /// The fields of `store.json`; optional where another format version may lack them.
    private struct Content: Codable {
        var formatVersion: Int
        var storeID: String?
        var digestKey: String?
    }

    /// Creates an identity for a new store.
    static func random() -> StoreIdentity {
        StoreIdentity(id: .random(), digestKey: .random())
    }

    /// Creates an identity of the current version; the parameters are the properties of these
    /// names.
    init(id: Identifier, digestKey: DigestKey) {
        self.init(id: id, digestKey: digestKey, formatVersion: Self.currentVersion)
    }

    private init(id: Identifier, digestKey: DigestKey, formatVersion: Int) {
        self.id = id
        self.digestKey = digestKey
        self.formatVersion = formatVersion
    }

    /// Reads the identity of a store from its `store.json`.
    ///
    /// - Parameter store: The store's directory.
    /// - Throws: `.notFound` if the file does not exist; `.damaged` with a hint; `.unsupported` for
    ///   another format version; `.permission` or `.inputOutput`.
    package init(readingFrom store: Directory) throws(SnapError) {
        let path = store.file(StoreDirectory.identityName)
        let file = try File(reading: StoreDirectory.identityName, in: store)
        let bytes = try file.read(byteCount: 1 << 16, at: 0)
        guard let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)) else {
            throw Self.damaged("is not JSON of the expected form", path)
        }
        guard (0...Self.currentVersion).contains(content.formatVersion) else {
            throw SnapError(
                .unsupported,
                "format version is \(content.formatVersion), expected 0 or \(Self.currentVersion)",
                path: path)
        }
        guard let id = content.storeID.flatMap({ Identifier(hex: $0) }),
            let digestKey = content.digestKey.flatMap({ Self.bytes(hex: $0) })
                .flatMap({ DigestKey($0) })
        else {
            throw Self.damaged(
                "storeID or digestKey is missing or malformed, expected 32 and 384 hex digits",
                path)
        }
        self.init(id: id, digestKey: digestKey, formatVersion: content.formatVersion)
    }

    private static func damaged(_ message: String, _ path: FilePath) -> SnapError {
        SnapError(
            .damaged, message, path: path, hint: StoreDirectory.reindexHint)
    }

    /// Writes the identity durably to `store.json`, with the current version, replacing an existing
    /// file.
    ///
    /// - Parameter store: The store's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    func write(to store: Directory) throws(SnapError) {
        let key = digestKey.bytes.map { String($0, radix: 16).padded(to: 2) }.joined()
        let text = """
            {
              "formatVersion": \(Self.currentVersion),
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
