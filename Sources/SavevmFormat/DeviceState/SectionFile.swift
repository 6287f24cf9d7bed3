import GuestMemory
import SnapSystem
import SystemPackage

/// An open device-state file and the positions of the contents in it, without the sections' names.
final class SectionFile: Sendable {
    let file: EnvelopedFile
    let table: SectionTable
    /// The file that has what this one shares; nil without a base.
    let base: SectionFile?
    /// The checksum of the file's trailer, which identifies the file's content.
    let trailerChecksum: Hash128
    /// The names of the sections in a file of snap 0.1; nil if the file has a section list.
    let legacyStates: [StoredDeviceState]?

    /// Opens a file and its base.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The guest's directory.
    ///   - isExpected: Whether the header and the trailer's checksum are those of the wanted file.
    ///   - openBase: Opens the base that the header names.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the offset; `.unsupported`; and the
    ///   errors of the closures.
    init(
        _ name: FileName, in directory: Directory,
        check isExpected: (FileHeader, Trailer, Hash128) -> String?,
        openBase: (DeviceStateBase) throws(SnapError) -> SectionFile
    ) throws(SnapError) {
        let file = try EnvelopedFile(name, in: directory, .deviceState)
        let offset = file.trailer.fileByteCount - Trailer.byteCount
        let trailer = try file.read(byteCount: Trailer.byteCount, at: offset, "trailer")
        trailerChecksum = trailer.withBytes { Hash128(checksumOf: $0) }
        if let difference = isExpected(file.header, file.trailer, trailerChecksum) {
            throw SnapError(.damaged, difference, path: file.path)
        }
        base = try file.header.base.map(openBase)
        var reader = try file.reader(of: .sectionTable)
        let sectionCount = file.trailer.itemCount
        let end = file.trailer[.sectionTable].offset
        if file.header.isLegacyDeviceState {
            let legacy = try LegacySectionTable(&reader, sectionCount: sectionCount, end: end)
            table = SectionTable(clusters: legacy.clusters, contents: legacy.contents)
            legacyStates = legacy.states
        } else {
            table = try SectionTable.decode(
                &reader, sectionCount: sectionCount, clusterByteCount: end - FileHeader.byteCount,
                codecMax: file.header.codecMax, base: base?.table)
            legacyStates = nil
        }
        self.file = file
    }

    var path: FilePath { file.path }

    /// The reference by which another file names this one as its base.
    var reference: DeviceStateBase {
        DeviceStateBase(
            checkpoint: FileReference(
                number: file.header.number, id: file.header.checkpointID),
            trailerChecksum: trailerChecksum)
    }

    /// Returns the offset of a cluster in the file.
    func offset(ofCluster index: Int) -> Int {
        FileHeader.byteCount + table.clusters[index].storedOffset
    }
}
