import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage

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
    }

    /// The RAM blocks.
    var images: [MemoryImage]
    /// The device-state files, in order.
    var deviceStates: [DeviceState]
}

/// The files that a save is given, open, before anything is made or locked.
struct SaveInputs: Sendable {
    private enum Memory {
        case images([MemoryImage])
        case stream(SharedFile)
    }

    private let memory: Memory
    private let deviceStates: [(name: GuestName, file: SharedFile)]

    /// The name of the device state that comes with a memory image.
    static let ownDeviceState = "devices"

    /// Opens the files.
    ///
    /// - Parameters:
    ///   - save: What the user wants.
    ///   - calls: The seam.
    /// - Throws: `.notFound`, `.permission`, `.mismatch`, `.unsupported`, `.usage` or
    ///   `.inputOutput`.
    init(_ save: Save, _ calls: SystemCalls) throws(SnapError) {
        switch save.source {
        case .image(let path, let format):
            memory = try Self.open(path, format, calls)
        case .standardInput:
            memory = .stream(SharedFile(.standardInput(calls)))
        case .blocks(let files):
            var images: [MemoryImage] = []
            for file in files {
                images.append(
                    try MemoryImage(
                        raw: file.path, name: file.name,
                        guestPhysicalAddress: file.guestPhysicalAddress, calls))
            }
            memory = .images(images)
        case .monitor(let socket):
            guard try Directory(socket, calls).status() != nil else {
                throw SnapError(.notFound, "there is no socket", path: socket)
            }
            memory = .images([])
        }
        var deviceStates: [(name: GuestName, file: SharedFile)] = []
        for state in save.deviceStates {
            deviceStates.append((state.name, SharedFile(try File(input: state.path, calls))))
        }
        self.deviceStates = deviceStates
        if case .images(let images) = memory {
            for (image, bitmap) in zip(images, try SaveBlock.assign(save.dirtyBitmaps, to: images))
            {
                if let bitmap { _ = try DirtyBitmap(bitmap, of: image.block, calls) }
            }
        }
    }

    /// Warns of device-state files without a byte: what should have written them has failed.
    ///
    /// - Parameter warn: Takes the warnings.
    /// - Throws: `.inputOutput`.
    func noticeEmptyFiles(warn: (SnapError) -> Void) throws(SnapError) {
        for state in deviceStates where try state.file.file.status().byteCount == 0 {
            warn(
                SnapError(
                    .mismatch, "is empty: the checkpoint has no device state to go on with",
                    path: state.file.file.path))
        }
    }

    private static func open(
        _ path: FilePath, _ format: ImageFormat?, _ calls: SystemCalls
    ) throws(SnapError) -> Memory {
        let file: File
        do throws(SnapError) { file = try File(input: path, calls) } catch {
            guard error.code == .notFound, error.errno == nil else { throw error }
            throw error.with(hint: "a QEMU stream from a pipe is -")
        }
        let found = if let format { format } else { try ImageFormat.detect(file) }
        switch found {
        case .raw: return .images([try MemoryImage(raw: path, calls)])
        case .stream: return .stream(SharedFile(file))
        }
    }

    /// Reads the streams among the files.
    ///
    /// - Parameters:
    ///   - scratch: The directory in whose file system scratch files are.
    ///   - progress: Where it tells how far it has come.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: `.inputDamaged` with the place, `.unsupported`, `.mismatch`, `.usage`,
    ///   `.inputOutput`, `.interrupted`.
    func read(
        scratch: Directory, _ progress: WorkProgress, warn: (SnapError) -> Void
    ) throws(SnapError) -> SaveContent {
        var content = SaveContent(images: [], deviceStates: [])
        switch memory {
        case .images(let images): content.images = images
        case .stream(let file):
            let status = try file.file.status()
            progress.begin(.reading, of: status.kind == .regular ? status.byteCount : nil)
            let (stream, images) = try StreamReader(
                file, scratch: scratch, stagesRAM: true, progress
            ).read()
            guard !images.isEmpty else {
                throw SnapError(
                    .unsupported, "stream has no RAM", path: file.file.path,
                    hint: "snap save MEMORY-FILE --device-state \(file.file.path)")
            }
            if let left = stream.ignoredBlocks.first {
                throw SnapError(
                    .unsupported, "lacks the RAM that is shared: \(left.name)",
                    path: file.file.path, offset: 0,
                    hint: "snap save MEMORY-FILE --device-state \(file.file.path)")
            }
            stream.noticeStrayBytes(of: file.file.path, warn: warn)
            content.images = images
            content.deviceStates.append(
                SaveContent.DeviceState(
                    name: try GuestName(checking: Self.ownDeviceState, as: "device state"),
                    file: stream.bytes, stream: stream))
        }
        for state in deviceStates {
            try content.add(state.file, name: state.name, scratch: scratch, warn: warn)
        }
        return content
    }
}

extension SaveContent {
    /// Adds a device-state file.
    ///
    /// - Parameters:
    ///   - file: The file; if it is a stream it is split, and says the names of RAM blocks.
    ///   - name: Its name.
    ///   - scratch: The directory in whose file system scratch files are.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: `.inputDamaged`, `.unsupported`, `.mismatch`, `.usage`, `.inputOutput`.
    mutating func add(
        _ file: SharedFile, name: GuestName, scratch: Directory, warn: (SnapError) -> Void
    ) throws(SnapError) {
        guard !deviceStates.contains(where: { $0.name == name }) else {
            throw SnapError(
                .usage, "device state \(name) is there twice", path: file.file.path,
                hint: "--device-state NAME=PATH names it otherwise")
        }
        guard try ImageFormat.isStream(file.file) else {
            deviceStates.append(DeviceState(name: name, file: file, stream: nil))
            return
        }
        guard deviceStates.allSatisfy({ $0.stream == nil }) else {
            throw SnapError(
                .usage, "is a second QEMU stream: a checkpoint has one", path: file.file.path)
        }
        let (stream, _) = try StreamReader(file, scratch: scratch, stagesRAM: false).read()
        guard stream.blocks.isEmpty || !stream.ignoredBlocks.isEmpty else {
            throw SnapError(
                .mismatch, "holds the RAM itself, expected a stream that leaves it out",
                path: file.file.path, hint: "snap save \(file.file.path) saves both")
        }
        stream.noticeStrayBytes(of: file.file.path, warn: warn)
        try nameImages(
            by: stream, path: file.file.path, hint: "--ram-block gives each of several blocks")
        deviceStates.append(DeviceState(name: name, file: stream.bytes, stream: stream))
    }

    /// Describes a running guest.
    ///
    /// - Parameters:
    ///   - images: Its RAM, in files; those that are not this guest's RAM are left out.
    ///   - stream: Its device state.
    ///   - path: Its QMP socket, for messages.
    /// - Throws: `.mismatch` if RAM is neither in a file nor in the stream, `.usage`.
    init(
        _ images: [MemoryImage], _ stream: StreamContent, path: FilePath
    ) throws(SnapError) {
        self.images = stream.ignoredBlocks.compactMap { block in
            images.first { Self.matches($0.block, block) }
        }
        // A backend need not be the guest's RAM.
        guard !self.images.isEmpty else {
            throw SnapError(
                .unsupported, "no RAM of this guest is in a shared file, whatever QEMU has open",
                path: path)
        }
        deviceStates = []
        try nameImages(by: stream, path: path, hint: nil)
        deviceStates = [
            DeviceState(
                name: try GuestName(checking: SaveInputs.ownDeviceState, as: "device state"),
                file: stream.bytes, stream: stream)
        ]
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
            guard let found = left.firstIndex(where: { Self.matches(image.block, $0) }) else {
                throw SnapError(
                    .mismatch,
                    "leaves out the RAM \(describe(left)), which the image of "
                        + "\(image.block.byteCount) bytes is not", path: path)
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

extension StreamContent {
    /// Warns of bytes behind the stream's end: what was in the file, or on the volume, before.
    fileprivate func noticeStrayBytes(of path: FilePath, warn: (SnapError) -> Void) {
        guard strayByteCount > 0 else { return }
        warn(
            SnapError(
                .inputDamaged,
                "\(strayByteCount) bytes follow the stream's end, and are not saved", path: path))
    }
}
