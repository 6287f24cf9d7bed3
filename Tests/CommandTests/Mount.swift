import Foundation
import SystemPackage
import TestSupport

/// A file system of a test's own, in memory.
struct Mount {
    let path: FilePath

    /// Mounts a tmpfs.
    ///
    /// - Parameters:
    ///   - size: How large, as mount(8) takes it.
    ///   - scratch: Where to mount it.
    /// - Returns: nil, after saying so, where mounting is not allowed.
    init?(size: String, in scratch: Scratch) throws {
        path = scratch.file("mount")
        try FileManager.default.createDirectory(
            atPath: path.string, withIntermediateDirectories: true)
        guard geteuid() == 0,
            try Self.tool("/bin/mount", "-t", "tmpfs", "-o", "size=\(size)", "none", path.string)
        else {
            print("not run: a file system of its own needs the right to mount one")
            return nil
        }
    }

    /// Takes the file system away again.
    func unmount() { _ = try? Self.tool("/bin/umount", path.string) }

    /// Runs a tool; whether it succeeded.
    static func tool(_ path: String, _ arguments: String...) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
