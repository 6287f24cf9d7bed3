import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import WorkPipeline

/// The content of a new checkpoint: RAM that does not change, and device state.
struct SaveContent: Sendable {
    /// A device-state file to keep.
    struct DeviceState: Sendable {
        /// The name of the device state in the checkpoint.
        let name: GuestName
        /// The file to store; for a stream, a file with the bytes of the stream that are kept.
        let file: SharedFile
        /// The parts of the stream; nil if the file is not a stream.
        let stream: StreamContent?
        /// The length of `file` in bytes.
        let byteCount: Int
        /// The snapshots of the guest's disks that were taken with it.
        var diskSnapshots: [DiskSnapshot] = []
        /// libvirt's description of the guest; nil for a guest that it does not manage.
        var domain: DomainDescription?
    }

    /// The name of device state that belongs to the memory's own stream or to a running guest.
    static let ownDeviceState = "devices"

    /// The RAM blocks and their bytes.
    var images: [MemoryImage]
    /// The device-state files, in order.
    private(set) var deviceStates: [DeviceState] = []
    /// The number of bytes that further device-state files can have together.
    private var deviceStateByteCountLeft: Int

    /// Creates a content without device state.
    ///
    /// - Parameters:
    ///   - images: The RAM blocks and their bytes.
    ///   - deviceStateByteCountMax: The maximum length of all device state together, in bytes.
    init(images: [MemoryImage], deviceStateByteCountMax: Int) {
        self.images = images
        deviceStateByteCountLeft = deviceStateByteCountMax
    }
}

extension SaveContent {
    /// Adds a device-state file.
    ///
    /// A QEMU stream is split into its sections, and the images get the names of its RAM blocks.
    ///
    /// - Parameters:
    ///   - file: The file to keep.
    ///   - name: The name of the device state in the checkpoint.
    ///   - scratch: A directory in the file system for scratch files.
    ///   - context: Receives warnings.
    /// - Throws: `.inputDamaged`, `.unsupported`, `.mismatch`, `.usage` or `.inputOutput`.
    mutating func add(
        _ file: SharedFile, name: GuestName, scratch: Directory, _ context: WorkContext
    ) throws(SnapError) {
        guard !deviceStates.contains(where: { $0.name == name }) else {
            throw SnapError(
                .usage, "device state \(name) is given twice", path: file.file.path,
                hint: "use --device-state NAME=PATH to give it another name")
        }
        guard try ImageFormat.isStream(file.file) else {
            return try append(file, name: name, stream: nil)
        }
        guard deviceStates.allSatisfy({ $0.stream == nil }) else {
            throw SnapError(
                .usage, "is a second QEMU stream, expected at most one", path: file.file.path)
        }
        let (stream, _) = try StreamReader(
            try StreamSource(file), scratch: scratch, stagesRAM: false,
            keptByteCountMax: deviceStateByteCountLeft
        ).read()
        guard stream.blocks.isEmpty || !stream.ignoredBlocks.isEmpty else {
            throw SnapError(
                .mismatch, "contains the RAM, expected a stream that leaves it out",
                path: file.file.path, hint: "use \(file.file.path) as IMAGE to save both")
        }
        stream.warnOfStrayBytes(in: file.file.path, context)
        try nameImages(
            by: stream, path: file.file.path, hint: "use --ram-block to give each RAM block")
        try append(stream, named: name)
    }

    /// Adds the bytes that are kept of a stream as a device-state file.
    mutating func append(
        _ stream: StreamContent, named name: GuestName
    ) throws(SnapError) {
        try append(stream.bytes, name: name, stream: stream)
    }

    private mutating func append(
        _ file: SharedFile, name: GuestName, stream: StreamContent?
    ) throws(SnapError) {
        let byteCount = try file.file.status().byteCount
        guard byteCount <= deviceStateByteCountLeft else {
            throw SnapError(
                .inputDamaged,
                "device state has \(byteCount) bytes, expected at most \(deviceStateByteCountLeft)",
                path: file.file.path, offset: deviceStateByteCountLeft,
                hint: "use --device-state-limit to allow more")
        }
        deviceStateByteCountLeft -= byteCount
        deviceStates.append(
            DeviceState(name: name, file: file, stream: stream, byteCount: byteCount))
    }

    /// Reads a stream that contains RAM and device state.
    ///
    /// - Parameters:
    ///   - source: The source of the stream's bytes.
    ///   - path: The file's path, for messages.
    ///   - deviceStateByteCountMax: The maximum length of all device state together, in bytes.
    ///   - hint: What the user can do with a stream without RAM; nil without advice.
    ///   - scratch: A directory in the file system for scratch files.
    ///   - context: Receives progress and warnings.
    /// - Throws: `.inputDamaged` with the offset; `.unsupported`, also without RAM;
    ///   `.inputOutput` or `.interrupted`.
    init(
        reading source: StreamSource, in path: FilePath, deviceStateByteCountMax: Int,
        hint: String? = nil, scratch: Directory, _ context: WorkContext
    ) throws(SnapError) {
        let (stream, images) = try StreamReader(
            source, scratch: scratch, stagesRAM: true,
            keptByteCountMax: deviceStateByteCountMax, progress: context.progress
        ).read()
        guard !images.isEmpty else {
            throw SnapError(.unsupported, "stream contains no RAM", path: path, hint: hint)
        }
        if let left = stream.ignoredBlocks.first {
            throw SnapError(
                .unsupported, "stream does not contain the shared RAM block \(left.name)",
                path: path, hint: hint)
        }
        stream.warnOfStrayBytes(in: path, context)
        self.init(images: images, deviceStateByteCountMax: deviceStateByteCountMax)
        try append(stream, named: try GuestName(checking: Self.ownDeviceState, as: "device state"))
    }

    /// Creates the content of a checkpoint whose RAM and device state come from one stream.
    ///
    /// - Parameters:
    ///   - stream: The device state. The stream's reader has enforced the limit on its length.
    ///   - images: The RAM blocks and their bytes.
    /// - Throws: `.internalFailure`.
    init(complete stream: StreamContent, _ images: [MemoryImage]) throws(SnapError) {
        self.init(images: images, deviceStateByteCountMax: .max)
        try append(stream, named: try GuestName(checking: Self.ownDeviceState, as: "device state"))
    }

    /// Adds the snapshots of the guest's disks to its device state.
    mutating func add(_ snapshots: [DiskSnapshot]) {
        for place in deviceStates.indices where deviceStates[place].stream != nil {
            deviceStates[place].diskSnapshots = snapshots
        }
    }

    /// Adds libvirt's description of the guest to its device state.
    mutating func add(_ domain: DomainDescription?) {
        for place in deviceStates.indices where deviceStates[place].stream != nil {
            deviceStates[place].domain = domain
        }
    }

    /// Creates the content of a running guest's checkpoint.
    ///
    /// - Parameters:
    ///   - images: The files that QEMU has open as memory; those that are not this guest's RAM are
    ///     left out.
    ///   - stream: The guest's device state.
    ///   - socket: The path of the guest's QMP socket, for messages.
    /// - Throws: `.unsupported` if none of the files is RAM of the guest; `.mismatch` if a RAM
    ///   block is neither in a file nor in the stream; `.usage`.
    init(
        runningGuest images: [MemoryImage], _ stream: StreamContent, at socket: FilePath
    ) throws(SnapError) {
        // The stream's reader has already enforced the limit on device state.
        self.init(
            images: stream.ignoredBlocks.compactMap { block in
                images.first { Self.matches($0.ram, block) }
            }, deviceStateByteCountMax: .max)
        // A memory backend of QEMU is not necessarily RAM of the guest.
        guard !self.images.isEmpty else {
            throw SnapError(
                .unsupported, "no RAM of this guest is in the shared files that QEMU has open",
                path: socket)
        }
        try nameImages(by: stream, path: socket, hint: nil)
        try append(stream, named: try GuestName(checking: Self.ownDeviceState, as: "device state"))
    }

    /// Names the images after the RAM blocks that a device-only stream lists but does not contain.
    private mutating func nameImages(
        by stream: StreamContent, path: FilePath, hint: String?
    ) throws(SnapError) {
        var left = stream.ignoredBlocks
        // A stream without such a list contains no information about the RAM.
        guard !left.isEmpty else { return }
        let describe = { (blocks: [RAMBlock]) in
            blocks.map { "\($0.name) of \($0.byteCount) bytes" }.joined(separator: ", ")
        }
        images = try images.map { image throws(SnapError) in
            guard let found = left.firstIndex(where: { Self.matches(image.ram, $0) }) else {
                throw SnapError(
                    .mismatch,
                    "leaves out the RAM \(describe(left)), which does not match the image of "
                        + "\(image.ram.byteCount) bytes", path: path)
            }
            return image.named(left.remove(at: found).name)
        }
        guard left.isEmpty else {
            throw SnapError(
                .mismatch, "leaves out the RAM \(describe(left)), for which there is no image",
                path: path, hint: hint)
        }
    }

    /// Whether an image contains the bytes of a RAM block.
    ///
    /// QEMU names a block after its backend's id, or after the backend's complete path in old
    /// machine types. The name is DEVICE/BACKEND if a device owns the backend (virtio-mem,
    /// ivshmem). A backend has one owner.
    private static func matches(_ image: RAMBlock, _ block: RAMBlock) -> Bool {
        image.byteCount == block.byteCount
            && (image.name.isEmpty || block.name == image.name
                || block.name.hasSuffix("/" + image.name))
    }
}
