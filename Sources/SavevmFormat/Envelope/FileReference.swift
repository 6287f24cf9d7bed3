package import GuestMemory
import SnapSystem

// Layout: savevm(5), "References".
//
//     SIZE  DESCRIPTION
//        4  count, at most 1024; then for each, in ascending order, the file itself last:
//        8  checkpoint number
//       16  checkpoint id

/// A checkpoint's file that another one's pages may lie in.
package struct FileReference: Sendable, Hashable {
    /// The checkpoint's number.
    package let number: Int
    /// Its id, so that no other file is taken for it.
    package let id: Identifier

    /// Names a file; the parameters are the properties.
    package init(number: Int, id: Identifier) {
        self.number = number
        self.id = id
    }

    static func encode(_ references: [FileReference]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(references.count))
        for reference in references {
            writer.append(UInt64(reference.number))
            writer.append(reference.id)
        }
        return writer.bytes
    }

    static func decode(
        _ reader: inout ByteReader, last: FileReference
    ) throws(SnapError) -> [FileReference] {
        let count = try reader.count(
            "reference count", as: UInt32.self, in: 1...Limits.referenceCountMax)
        var references: [FileReference] = []
        references.reserveCapacity(count)
        for _ in 0..<count {
            let previous = references.last?.number ?? 0
            guard previous < last.number else {
                throw reader.damage("references go on behind the file itself")
            }
            let number = try reader.count(
                "reference", as: UInt64.self, in: previous + 1...last.number)
            references.append(FileReference(number: number, id: try reader.identifier("reference")))
        }
        guard references.last == last else {
            throw reader.damage("references do not end with the file itself")
        }
        try reader.finish("references")
        return references
    }
}
