import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import TestSupport

/// Writes device-state files from sections that a test chooses, and reads them back.
struct DeviceStateBuilder {
    /// A section of the only stream in a file.
    struct Section: Equatable {
        var identity: StoredSection.Identity
        var bytes: [UInt8]

        init(_ name: String, instance: UInt32 = 0, version: UInt32 = 1, _ bytes: [UInt8]) {
            identity = StoredSection.Identity(
                .device, name: name, instanceID: instance, versionID: version)
            self.bytes = bytes
        }

        /// Its own state: all bytes but the first and the last.
        var state: Range<Int> {
            bytes.isEmpty ? 0..<0 : 1..<max(1, bytes.count - 1)
        }
    }

    let scratch: Scratch
    private let builder: Builder
    private var sourceCount = 0

    init() throws {
        scratch = try Scratch()
        builder = try Builder(scratch)
    }

    static func id(_ number: Int) -> Identifier {
        Identifier(high: 0x4944_0000_0000_0000, low: UInt64(number))
    }

    func path(_ number: Int) -> FilePath {
        scratch.file(FileName.deviceState(number).text)
    }

    /// Writes a file; returns nil if it would share too little with its base, unless `isUnlimited`.
    mutating func write(
        _ sections: [Section], number: Int, base: DeviceStateFile? = nil,
        compression: Compression = .default, isUnlimited: Bool = false
    ) throws -> DeviceStateSeal? {
        sourceCount += 1
        let path = try scratch.write(sections.flatMap(\.bytes), to: "source-\(sourceCount)")
        let source = try File(input: path, .kernel)
        let header = FileHeader(
            .deviceState, number: number, storeID: builder.storeID, checkpointID: Self.id(number),
            parent: nil, codec: compression.codec, base: base?.reference)
        var writer = try DeviceStateWriter(
            in: builder.directory, header, base: base,
            compression: compression)
        writer.begin(.stream, name: try GuestName(checking: "devices", as: "device state"))
        var offset = 0
        for section in sections {
            try writer.append(
                section.identity, from: source, offset..<offset + section.bytes.count,
                state: section.state)
            offset += section.bytes.count
        }
        try writer.finish()
        return writer.sharesTooLittle && !isUnlimited ? nil : try writer.publish()
    }

    func open(_ number: Int, _ seal: DeviceStateSeal) throws(SnapError) -> DeviceStateFile {
        try builder.guestFiles().deviceState(number, sealed: seal, checkpointID: Self.id(number))
    }

    /// Opens a file and reads all sections.
    func read(_ number: Int, _ seal: DeviceStateSeal) throws(SnapError) -> [Section] {
        let file = try open(number, seal)
        var reader = DeviceStateReader(file)
        var sections: [Section] = []
        for section in file.states.flatMap(\.sections) {
            var read = Section("", try reader.bytes(of: section))
            read.identity = section.identity
            sections.append(read)
        }
        return sections
    }
}
