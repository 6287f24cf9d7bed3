import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import WorkPipeline

/// The files that a save is given, open, before anything is made or locked.
struct InputFiles: Sendable {
    private enum Memory {
        case images([MemoryImage])
        case stream(SharedFile)
        /// In files that a running guest's QEMU names later.
        case inRunningGuest
    }

    private let memory: Memory
    private let deviceStateByteCountMax: Int
    private let deviceStates: [(name: GuestName, file: SharedFile)]

    /// Opens the files.
    ///
    /// - Parameters:
    ///   - save: What the user asks for.
    ///   - calls: The system calls.
    /// - Throws: `.notFound`, `.permission`, `.mismatch`, `.unsupported`, `.usage` or
    ///   `.inputOutput`.
    init(of save: Save, _ calls: SystemCalls) throws(SnapError) {
        memory = try Self.open(save.input, calls)
        deviceStateByteCountMax = save.deviceStateByteCountMax
        var deviceStates: [(name: GuestName, file: SharedFile)] = []
        for state in save.deviceStates {
            deviceStates.append((state.name, SharedFile(try File(input: state.path, calls))))
        }
        self.deviceStates = deviceStates
        switch memory {
        case .stream: break
        case .inRunningGuest:
            // Refuses every bitmap: nobody can have written one of a guest that runs.
            _ = try save.dirtyBitmaps(of: [])
        case .images(let images):
            // Opened and checked now; a save opens them again when it reads them.
            for (image, bitmap) in zip(images, try save.dirtyBitmaps(of: images.map(\.ram))) {
                if let bitmap { _ = try DirtyBitmap(bitmap, of: image.ram, calls) }
            }
        }
    }

    private static func open(
        _ input: Save.Input, _ calls: SystemCalls
    ) throws(SnapError) -> Memory {
        switch input {
        case .image(let path, let format): return try open(path, as: format, calls)
        case .standardInput: return .stream(SharedFile(.standardInput(calls)))
        case .blocks(let files):
            var images: [MemoryImage] = []
            for file in files {
                images.append(
                    try MemoryImage(
                        raw: file.path, name: file.name,
                        guestPhysicalAddress: file.guestPhysicalAddress, calls))
            }
            return .images(images)
        case .runningGuest(let socket):
            guard try FileStatus(of: socket, calls) != nil else {
                throw SnapError(.notFound, "there is no socket", path: socket)
            }
            return .inRunningGuest
        }
    }

    private static func open(
        _ path: FilePath, as format: ImageFormat?, _ calls: SystemCalls
    ) throws(SnapError) -> Memory {
        let file: File
        do throws(SnapError) { file = try File(input: path, calls) } catch {
            guard error.code == .notFound, error.errno == nil else { throw error }
            throw error.with(hint: "a QEMU stream from a pipe is -")
        }
        let found = if let format { format } else { try ImageFormat.detect(file) }
        switch found {
        case .raw: return .images([try MemoryImage(raw: file)])
        case .stream: return .stream(SharedFile(file))
        }
    }

    /// Warns of device-state files without a byte: what should have written them has failed.
    ///
    /// - Parameter context: What takes the warnings.
    /// - Throws: `.inputOutput`.
    func warnOfEmptyFiles(_ context: WorkContext) throws(SnapError) {
        for state in deviceStates where try state.file.file.status().byteCount == 0 {
            context.warn(
                SnapError(
                    .mismatch, "is empty: the checkpoint has no device state to go on with",
                    path: state.file.file.path))
        }
    }

    /// What is to be saved: raw images as they are, streams read to their end.
    ///
    /// - Parameters:
    ///   - scratch: The directory in whose file system scratch files are.
    ///   - context: How to run.
    /// - Throws: `.inputDamaged` with the place, `.unsupported`, `.mismatch`, `.usage`,
    ///   `.inputOutput`, `.interrupted`.
    func content(
        scratch: Directory, _ context: WorkContext
    ) throws(SnapError) -> SaveContent {
        var content = SaveContent(images: [], deviceStateByteCountMax: deviceStateByteCountMax)
        switch memory {
        case .inRunningGuest: break
        case .images(let images): content.images = images
        case .stream(let file):
            let status = try file.file.status()
            context.progress.begin(.reading, of: status.kind == .regular ? status.byteCount : nil)
            let (stream, images) = try StreamReader(
                file, scratch: scratch, stagesRAM: true,
                keptByteCountMax: deviceStateByteCountMax, progress: context.progress
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
            stream.warnOfStrayBytes(in: file.file.path, context)
            content.images = images
            try content.append(
                stream,
                named: try GuestName(
                    checking: SaveContent.ownDeviceState, as: "device state"))
        }
        for state in deviceStates {
            try content.add(state.file, name: state.name, scratch: scratch, context)
        }
        return content
    }
}
