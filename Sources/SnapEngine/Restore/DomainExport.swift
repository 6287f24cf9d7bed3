import CheckpointStore
import GuestMemory
import MigrationStream
import SavevmFormat
import SnapSystem
import SystemPackage

/// The description of a domain that a libvirt save file starts with.
struct DomainExport {
    private let domain: DomainDescription

    /// Finds the description.
    ///
    /// - Parameters:
    ///   - path: A file with the domain's XML; nil to use the description in the checkpoint.
    ///   - opened: The open checkpoint.
    /// - Throws: `.notFound` if the checkpoint has no description, or if the file does not exist;
    ///   `.mismatch` if the file has no XML; `.damaged`, `.permission` or `.inputOutput`.
    init(xmlIn path: FilePath?, of opened: OpenCheckpoint) throws(SnapError) {
        let devices = try opened.deviceState()
        let sections = devices.states.flatMap(\.sections)
        let description = sections.first { $0.kind == .domainDescription }
        let wasRunning = description.map { $0.identity.instanceID != 0 } ?? true
        var reader = DeviceStateReader(devices)
        // Like virsh restore --xml, this keeps the cookie.
        let cookie = try sections.first { $0.kind == .domainCookie }
            .map { (section) throws(SnapError) in
                try Self.bytes(of: section, &reader, devices.path)
            }
        if let path {
            domain = DomainDescription(
                xml: try Self.xml(in: path, opened.guest.directory.calls), cookie: cookie ?? [],
                wasRunning: wasRunning)
            return
        }
        guard let description else {
            throw SnapError(
                .notFound,
                "checkpoint \(opened.checkpoint.name) has no description of a libvirt domain",
                hint: "use --xml FILE, with the output of virsh dumpxml --security-info "
                    + "--migratable")
        }
        domain = DomainDescription(
            xml: try Self.bytes(of: description, &reader, devices.path), cookie: cookie ?? [],
            wasRunning: wasRunning)
    }

    /// The bytes before the stream.
    var head: [UInt8] { LibvirtSaveHeader.encode(domain) }

    private static func bytes(
        of section: StoredSection, _ reader: inout DeviceStateReader, _ path: FilePath
    ) throws(SnapError) -> [UInt8] {
        guard section.byteCount <= LibvirtSaveHeader.descriptionByteCountMax else {
            throw SnapError(
                .damaged,
                "section \(section.identity.name) has \(section.byteCount) bytes, expected at most "
                    + "\(LibvirtSaveHeader.descriptionByteCountMax)", path: path)
        }
        return try reader.bytes(of: section)
    }

    private static func xml(
        in path: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> [UInt8] {
        let file = try File(input: path, calls)
        let limit = LibvirtSaveHeader.descriptionByteCountMax
        let xml = try file.read(byteCount: limit + 1, at: 0)
        guard xml.count <= limit else {
            throw SnapError(.mismatch, "has more than \(limit) bytes, expected XML", path: path)
        }
        guard xml.contains(UInt8(ascii: "<")), !xml.contains(0) else {
            throw SnapError(.mismatch, "is not XML, expected a domain's description", path: path)
        }
        return xml
    }
}
