import GuestMemory
package import SnapSystem
import Synchronization
import SystemPackage

/// The savevm files that contain a checkpoint's pages, opened when they are needed.
///
/// Only a limited number of files is open at a time. Several workers can share one instance.
package final class SavevmFiles: Sendable {
    fileprivate struct Open {
        var files: [Int: SavevmFile] = [:]
        var leastRecent: [Int] = []
    }

    private let guest: GuestFiles
    private let ids: [Int: FileReference]
    private let openCountMax: Int
    private let open = Mutex(Open())

    /// The most files that stay open.
    ///
    /// This is a part of the process's limit on descriptors, since a command can have several
    /// instances.
    package static let defaultOpenCountMax = min(
        256, max(4, (DescriptorLimit.current - 32) / 4))

    /// Creates an instance without opening any file.
    ///
    /// - Parameters:
    ///   - references: The files that may be opened.
    ///   - guest: The guest's directory with these files.
    ///   - openCountMax: The most files that stay open.
    package init(
        _ references: [FileReference], in guest: GuestFiles,
        openCountMax: Int = defaultOpenCountMax
    ) {
        self.guest = guest
        self.openCountMax = openCountMax
        ids = Dictionary(references.map { ($0.number, $0) }) { first, _ in first }
    }

    /// Opens the savevm file of a checkpoint, live or retired, unless it is already open.
    ///
    /// - Parameter number: The checkpoint's number.
    /// - Returns: The open file.
    /// - Throws: `.damaged` if the file is missing, is incomplete, or is not the one in the
    ///   references; `.unsupported`, `.permission` or `.inputOutput`.
    package func file(_ number: Int) throws(SnapError) -> SavevmFile {
        if let file = open.withLock({ $0.use(number) }) { return file }
        guard let reference = ids[number] else {
            throw SnapError(
                .damaged, "a location refers to this file, but it is not in the reference list",
                path: guest.directory.file(FileName.savevm(number).text))
        }
        let file: SavevmFile
        do {
            file = try guest.savevm(.savevm(number))
        } catch let error where error.code == .notFound {
            file = try retired(number)
        }
        guard file.reference == reference else {
            throw SnapError(
                .damaged,
                "is checkpoint \(file.header.number) with id \(file.reference.id.hex), expected "
                    + "\(number) with id \(reference.id.hex)", path: file.path)
        }
        open.withLock { $0.insert(file, number, countMax: openCountMax) }
        return file
    }

    /// Adds up the lengths of all files, live and retired.
    ///
    /// - Returns: The total length in bytes.
    /// - Throws: `.permission` or `.inputOutput`.
    func byteCount() throws(SnapError) -> Int {
        var byteCount = 0
        for number in ids.keys {
            for name in [FileName.savevm(number), .retired(number)] {
                let status = try guest.directory.status(of: name.text)
                byteCount = byteCount.addingClamped(status?.byteCount ?? 0)
            }
        }
        return byteCount
    }

    /// The path of the guest's directory, for messages.
    var directory: FilePath { guest.directory.path }

    private func retired(_ number: Int) throws(SnapError) -> SavevmFile {
        do {
            return try guest.savevm(.retired(number))
        } catch let error where error.code == .notFound {
            throw SnapError(
                .damaged, "is missing, but pages of the checkpoint are stored in it",
                path: guest.directory.file(FileName.savevm(number).text))
        }
    }
}

extension SavevmFiles.Open {
    fileprivate mutating func use(_ number: Int) -> SavevmFile? {
        guard let file = files[number] else { return nil }
        if leastRecent.last != number {
            leastRecent.removeAll { $0 == number }
            leastRecent.append(number)
        }
        return file
    }

    fileprivate mutating func insert(_ file: SavevmFile, _ number: Int, countMax: Int) {
        if files.updateValue(file, forKey: number) == nil { leastRecent.append(number) }
        if leastRecent.count > countMax { files[leastRecent.removeFirst()] = nil }
    }
}
