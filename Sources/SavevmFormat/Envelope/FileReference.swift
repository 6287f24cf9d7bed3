package import GuestMemory
import SnapSystem

// Layout: savevm(5), "References".
//
//     SIZE  DESCRIPTION
//        4  count, at most 1024; then for each, in ascending order, the file itself last:
//        8  checkpoint number
//       16  checkpoint id

/// A reference to a savevm file that may contain pages of another checkpoint.
package struct FileReference: Sendable, Hashable {
    /// The number of the file's checkpoint.
    package let number: Int
    /// The id of the file's checkpoint, which detects another file with the same number.
    package let id: Identifier

    /// Creates a reference from its properties.
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
                throw reader.damage("the reference list continues after the file's own entry")
            }
            let number = try reader.count(
                "reference", as: UInt64.self, in: previous + 1...last.number)
            references.append(FileReference(number: number, id: try reader.identifier("reference")))
        }
        guard references.last == last else {
            throw reader.damage("the reference list does not end with the file's own entry")
        }
        try reader.finish("references")
        return references
    }
}
