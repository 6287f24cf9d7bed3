import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import WorkPipeline

/// The input files of a save, opened before anything is created or locked.
struct InputFiles: Sendable {
    /// The importer of the memory; nil for a running guest, whose QEMU reports its files later.
    private let memory: (any ImageImporter)?
    private let deviceStateByteCountMax: Int
    private let deviceStates: [(name: GuestName, file: SharedFile)]

    /// Opens the files that a save names and checks that they fit together.
    ///
    /// - Parameters:
    ///   - save: The save that the user asks for.
    ///   - calls: The system calls with which files are opened.
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
        // No bitmap fits a running guest: it cannot be complete while the guest runs.
        let images = memory?.imagesInPlace ?? []
        if memory != nil && images.isEmpty { return }
        // Opens the bitmaps only to check them; the save opens them again to read them.
        for (image, bitmap) in zip(images, try save.dirtyBitmaps(of: images.map(\.ram))) {
            if let bitmap { _ = try DirtyBitmap(bitmap, of: image.ram, calls) }
        }
    }

    private static func open(
        _ input: Save.Input, _ calls: SystemCalls
    ) throws(SnapError) -> (any ImageImporter)? {
        switch input {
        case .image(let path, let format): return try open(path, as: format, calls)
        case .standardInput: return StreamImporter(file: SharedFile(.standardInput(calls)))
        case .blocks(let files):
            var images: [MemoryImage] = []
            for file in files {
                images.append(
                    try MemoryImage(
                        raw: file.path, name: file.name,
                        guestPhysicalAddress: file.guestPhysicalAddress, calls))
            }
            return RawImporter(images)
        case .runningGuest(let address, _):
            if case .socket(let path) = address, try FileStatus(of: path, calls) == nil {
                throw SnapError(.notFound, "socket does not exist", path: path)
            }
            return nil
        }
    }

    private static func open(
        _ path: FilePath, as format: ImageFormat?, _ calls: SystemCalls
    ) throws(SnapError) -> any ImageImporter {
        let file: File
        do throws(SnapError) { file = try File(input: path, calls) } catch {
            guard error.code == .notFound, error.errno == nil else { throw error }
            throw error.with(hint: "use - to read a QEMU stream from standard input")
        }
        let found = if let format { format } else { try ImageFormat.detect(file) }
        return try found.importer(of: file)
    }

    /// Warns of empty device-state files, which indicate that their writer has failed.
    ///
    /// - Parameter context: Receives the warnings.
    /// - Throws: `.inputOutput`.
    func warnOfEmptyFiles(_ context: WorkContext) throws(SnapError) {
        for state in deviceStates where try state.file.file.status().byteCount == 0 {
            context.warn(
                SnapError(
                    .mismatch, "is empty: the checkpoint has no device state to resume from",
                    path: state.file.file.path))
        }
    }

    /// Prepares the data to save: keeps raw images open, and reads streams to their end.
    ///
    /// - Parameters:
    ///   - scratch: A directory in the file system for scratch files.
    ///   - context: Receives progress and warnings.
    /// - Returns: RAM and device state, except those of a running guest.
    /// - Throws: `.inputDamaged` with the offset; `.unsupported`, `.mismatch`, `.usage`,
    ///   `.inputOutput` or `.interrupted`.
    func content(
        scratch: Directory, _ context: WorkContext
    ) throws(SnapError) -> SaveContent {
        let limit = deviceStateByteCountMax
        var content =
            try memory?.content(deviceStateByteCountMax: limit, scratch: scratch, context)
            ?? SaveContent(images: [], deviceStateByteCountMax: limit)
        for state in deviceStates {
            try content.add(state.file, name: state.name, scratch: scratch, context)
        }
        return content
    }
}
