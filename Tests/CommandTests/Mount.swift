import Foundation
import SystemPackage
import TestSupport
import Testing

/// A tmpfs that one test mounts.
struct Mount {
    let path: FilePath

    /// Whether the tests can mount file systems; even root in a container often cannot.
    static let isPossible =
        geteuid() == 0
        && ((try? tool(
            "/usr/bin/unshare", "-m", "mount", "-t", "tmpfs", "none", NSTemporaryDirectory()))
            ?? false)

    /// Mounts a tmpfs of a given size.
    ///
    /// - Parameters:
    ///   - size: The maximum size, in the form of mount(8)'s option `size`.
    ///   - scratch: The directory in which it is mounted, as `mount`.
    /// - Throws: `EPERM` if mounting is not permitted.
    init(size: String, in scratch: Scratch) throws {
        path = scratch.file("mount")
        try FileManager.default.createDirectory(
            atPath: path.string, withIntermediateDirectories: true)
        guard
            try Self.tool("/bin/mount", "-t", "tmpfs", "-o", "size=\(size)", "none", path.string)
        else { throw Errno.notPermitted }
    }

    /// Unmounts the file system.
    func unmount() { _ = try? Self.tool("/bin/umount", path.string) }

    /// Runs a tool and waits until it ends.
    ///
    /// - Parameters:
    ///   - path: The absolute path of the tool.
    ///   - arguments: The arguments of the tool.
    /// - Returns: Whether the tool exited with status 0.
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

extension Trait where Self == ConditionTrait {
    /// Requires the right to mount a file system.
    static var needsMounts: Self {
        .enabled(if: Mount.isPossible, "needs the right to mount a file system")
    }
}
