import Foundation
import SystemPackage
import TestSupport

/// An unexpected file under a name that snap uses in a store.
enum UnexpectedFile: CaseIterable {
    case linkToFile
    case linkToDirectory
    case danglingLink
    case fifo
    case socket
    case directory
    case empty
    case foreign

    /// Creates the unexpected file, and moves an existing file of that name away.
    ///
    /// - Parameters:
    ///   - path: The path of the unexpected file.
    ///   - outside: A directory with the targets of links: `file`, `directory`, and no `new`.
    ///   - aside: The path to which the existing file is moved.
    func place(at path: FilePath, outside: FilePath, aside: FilePath) throws {
        if (try? FileManager.default.attributesOfItem(atPath: path.string)) != nil {
            try FileManager.default.moveItem(atPath: path.string, toPath: aside.string)
        }
        switch self {
        case .linkToFile: try link(path, to: outside.appending("file"))
        case .linkToDirectory: try link(path, to: outside.appending("directory"))
        case .danglingLink: try link(path, to: outside.appending("new"))
        case .fifo:
            guard mkfifo(path.string, 0o600) == 0 else { throw Errno(rawValue: errno) }
        case .socket:
            // bind(2) accepts paths of up to 107 bytes, so the socket is created under a short one.
            let short = aside.removingLastComponent().appending("socket")
            close(try UnixSocket.bind(to: short))
            try FileManager.default.moveItem(atPath: short.string, toPath: path.string)
        case .directory:
            try FileManager.default.createDirectory(
                atPath: path.string, withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
            try make([1, 2, 3], at: path.appending("inside"))
        case .empty: try make([], at: path)
        case .foreign: try make(Array("of another user\n".utf8), at: path)
        }
    }

    private func link(_ path: FilePath, to target: FilePath) throws {
        try FileManager.default.createSymbolicLink(
            atPath: path.string, withDestinationPath: target.string)
    }

    private func make(_ bytes: [UInt8], at path: FilePath) throws {
        try write(bytes, to: path)
        guard chmod(path.string, 0o600) == 0 else { throw Errno(rawValue: errno) }
    }
}
