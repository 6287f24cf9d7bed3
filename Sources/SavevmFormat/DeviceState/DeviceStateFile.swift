import GuestMemory
import SnapSystem
package import SystemPackage

/// A complete device-state file, open for reading together with its base.
///
/// Reading it does not read any RAM pages.
package struct DeviceStateFile: Sendable {
    /// The device states in the file, in the order in which the save received them.
    package let states: [StoredDeviceState]
    let sections: SectionFile

    /// The most bytes in a section list, which is read into memory as one.
    static let listByteCountMax = 1 << 25

    /// Reads the names of the sections in an open file.
    ///
    /// - Throws: `.damaged` with the offset; `.unsupported` or `.inputOutput`.
    init(_ sections: SectionFile) throws(SnapError) {
        self.sections = sections
        if let states = sections.legacyStates {
            self.states = states
            return
        }
        let number = sections.table.listNumber
        let list = sections.table.contents[number]
        guard list.byteCount <= Self.listByteCountMax else {
            throw SnapError(
                .damaged,
                "section list has \(list.byteCount) bytes, expected at most "
                    + "\(Self.listByteCountMax)", path: sections.path)
        }
        var bytes: [UInt8] = []
        var pieces = SectionReader(sections)
        for index in list.pieces.indices {
            try pieces.withPiece(index, ofSection: number, named: "section list") {
                bytes.append(copying: $0)
            }
        }
        var reader = ByteReader(bytes, path: sections.path, startOffset: 0)
        states = try StoredDeviceState.decode(&reader, sections.table.contents[..<number])
    }

    /// The file's path.
    package var path: FilePath { sections.path }

    /// The reference by which other files can name this one as their base.
    package var reference: DeviceStateBase { sections.reference }

    /// The file's base; nil if the file contains all of the device state.
    package var base: DeviceStateBase? { sections.base?.reference }

    /// The number of bytes between the header and the trailer.
    var contentByteCount: Int {
        sections.file.trailer.fileByteCount - FileHeader.byteCount - Trailer.byteCount
    }
}
