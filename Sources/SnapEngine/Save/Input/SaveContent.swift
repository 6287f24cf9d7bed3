import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import WorkPipeline

/// What a checkpoint is to hold: RAM at rest, and device state.
struct SaveContent: Sendable {
    /// A device-state file.
    struct DeviceState: Sendable {
        /// Its name.
        let name: GuestName
        /// The file itself; of a stream, the bytes that are kept of it.
        let file: SharedFile
        /// What it holds, if it is a stream.
        let stream: StreamContent?
        /// How long the file is, in bytes.
        let byteCount: Int
    }

    /// The name of the device state that comes with a memory image.
    static let ownDeviceState = "devices"

    /// The RAM blocks.
    var images: [MemoryImage]
    /// The device-state files, in order.
    private(set) var deviceStates: [DeviceState] = []
    /// How much longer they may be, in bytes, all together.
    private var deviceStateByteCountLeft: Int

    /// Begins with RAM alone.
    ///
    /// - Parameters:
    ///   - images: The RAM blocks.
    ///   - deviceStateByteCountMax: How long all device state may be, in bytes.
    init(images: [MemoryImage], deviceStateByteCountMax: Int) {
        self.images = images
        deviceStateByteCountLeft = deviceStateByteCountMax
    }
}

extension SaveContent {
    /// Adds a device-state file.
    ///
    /// - Parameters:
    ///   - file: The file; if it is a stream it is split, and says the names of RAM blocks.
    ///   - name: Its name.
    ///   - scratch: The directory in whose file system scratch files are.
    ///   - context: What takes the warnings.
    /// - Throws: `.inputDamaged`, `.unsupported`, `.mismatch`, `.usage`, `.inputOutput`.
    mutating func add(
        _ file: SharedFile, name: GuestName, scratch: Directory, _ context: WorkContext
    ) throws(SnapError) {
        guard !deviceStates.contains(where: { $0.name == name }) else {
            throw SnapError(
                .usage, "device state \(name) is there twice", path: file.file.path,
                hint: "--device-state NAME=PATH names it otherwise")
        }
        guard try ImageFormat.isStream(file.file) else {
            return try append(file, name: name, stream: nil)
        }
        guard deviceStates.allSatisfy({ $0.stream == nil }) else {
            throw SnapError(
                .usage, "is a second QEMU stream: a checkpoint has one", path: file.file.path)
        }
        let (stream, _) = try StreamReader(
            file, scratch: scratch, stagesRAM: false,
            keptByteCountMax: deviceStateByteCountLeft
        ).read()
        guard stream.blocks.isEmpty || !stream.ignoredBlocks.isEmpty else {
            throw SnapError(
                .mismatch, "holds the RAM itself, expected a stream that leaves it out",
                path: file.file.path, hint: "snap save \(file.file.path) saves both")
        }
        stream.warnOfStrayBytes(in: file.file.path, context)
        try nameImages(
            by: stream, path: file.file.path, hint: "--ram-block gives each of several blocks")
        try append(stream, named: name)
    }

    /// Adds what is kept of a stream.
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
                hint: "--device-state-limit allows more")
        }
        deviceStateByteCountLeft -= byteCount
        deviceStates.append(
            DeviceState(name: name, file: file, stream: stream, byteCount: byteCount))
    }

    /// Describes a running guest.
    ///
    /// - Parameters:
    ///   - images: Its RAM, in files; those that are not this guest's RAM are left out.
    ///   - stream: Its device state.
    ///   - socket: Its QMP socket, for messages.
    /// - Throws: `.unsupported` if no RAM is in a file; `.mismatch` if some is neither in a file
    ///   nor in the stream; `.usage`.
    init(
        runningGuest images: [MemoryImage], _ stream: StreamContent, at socket: FilePath
    ) throws(SnapError) {
        // What is kept of the stream has been compared with the limit as it came.
        self.init(
            images: stream.ignoredBlocks.compactMap { block in
                images.first { Self.matches($0.ram, block) }
            }, deviceStateByteCountMax: .max)
        // A backend need not be the guest's RAM.
        guard !self.images.isEmpty else {
            throw SnapError(
                .unsupported, "no RAM of this guest is in a shared file, whatever QEMU has open",
                path: socket)
        }
        try nameImages(by: stream, path: socket, hint: nil)
        try append(stream, named: try GuestName(checking: Self.ownDeviceState, as: "device state"))
    }

    /// Gives the images the names of the RAM blocks that a device-only stream lists and leaves out.
    private mutating func nameImages(
        by stream: StreamContent, path: FilePath, hint: String?
    ) throws(SnapError) {
        var left = stream.ignoredBlocks
        // A stream without such a list says nothing about the RAM.
        guard !left.isEmpty else { return }
        let describe = { (blocks: [RAMBlock]) in
            blocks.map { "\($0.name) of \($0.byteCount) bytes" }.joined(separator: ", ")
        }
        images = try images.map { image throws(SnapError) in
            guard let found = left.firstIndex(where: { Self.matches(image.ram, $0) }) else {
                throw SnapError(
                    .mismatch,
                    "leaves out the RAM \(describe(left)), which the image of "
                        + "\(image.ram.byteCount) bytes is not", path: path)
            }
            return image.named(left.remove(at: found).name)
        }
        guard left.isEmpty else {
            throw SnapError(
                .mismatch, "leaves out the RAM \(describe(left)), of which there is no image",
                path: path, hint: hint)
        }
    }

    /// Whether an image is a block.
    ///
    /// QEMU calls a block by its backend's id; by the backend's whole path in old machine types;
    /// and by DEVICE/BACKEND where a device has it (virtio-mem, ivshmem). A backend has one owner.
    private static func matches(_ image: RAMBlock, _ block: RAMBlock) -> Bool {
        image.byteCount == block.byteCount
            && (image.name.isEmpty || block.name == image.name
                || block.name.hasSuffix("/" + image.name))
    }
}
