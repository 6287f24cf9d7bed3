import GuestMemory
package import SnapSystem
import Synchronization
import SystemPackage

/// The files that a checkpoint's pages lie in, opened as they are needed.
///
/// A bounded number of them is open at a time. Several workers may share one.
package final class SavevmFiles: Sendable {
    fileprivate struct Open {
        var files: [Int: SavevmFile] = [:]
        var leastRecent: [Int] = []
    }

    private let guest: GuestFiles
    private let ids: [Int: FileReference]
    private let open = Mutex(Open())

    /// How many are kept open: a share of what the process may have open, since a command can have
    /// several of these.
    private static let openCountMax = min(256, max(4, (DescriptorLimit.current - 32) / 4))

    /// Prepares to open files.
    ///
    /// - Parameters:
    ///   - references: The files that may be opened.
    ///   - guest: Opens the guest's files.
    package init(_ references: [FileReference], in guest: GuestFiles) {
        self.guest = guest
        ids = Dictionary(references.map { ($0.number, $0) }) { first, _ in first }
    }

    /// The file of a checkpoint, live or retired.
    ///
    /// - Parameter number: The checkpoint's number.
    /// - Throws: `.damaged` if it is missing, not whole or not the one that is referred to;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    package func file(_ number: Int) throws(SnapError) -> SavevmFile {
        if let file = open.withLock({ $0.use(number) }) { return file }
        guard let reference = ids[number] else {
            throw SnapError(
                .damaged, "is pointed to and not among the references",
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
                "is checkpoint \(file.header.number) of id \(file.reference.id.hex), expected "
                    + "\(number) of id \(reference.id.hex)", path: file.path)
        }
        open.withLock { $0.insert(file, number, countMax: Self.openCountMax) }
        return file
    }

    /// The length of all files in bytes, live or retired.
    ///
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

    /// The guest's directory, for messages.
    var directory: FilePath { guest.directory.path }

    private func retired(_ number: Int) throws(SnapError) -> SavevmFile {
        do {
            return try guest.savevm(.retired(number))
        } catch let error where error.code == .notFound {
            throw SnapError(
                .damaged, "is missing, and pages of the checkpoint lie in it",
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
