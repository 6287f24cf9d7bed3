import Foundation
import SystemPackage
import TestSupport

/// Something in a store under a name that snap uses, and that snap did not put there.
enum OddName: CaseIterable {
    case linkToFile
    case linkToDirectory
    case danglingLink
    case fifo
    case socket
    case directory
    case empty
    case foreign

    /// Puts it in the place of what has a name; that is set aside.
    ///
    /// - Parameters:
    ///   - path: The name.
    ///   - outside: A directory with what links point to: `file`, `directory`, and no `new`.
    ///   - aside: Where to put what has the name now.
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
            // The path of a socket has 107 bytes when it is made.
            let short = aside.removingLastComponent().appending("socket")
            close(try UnixSocket.bind(to: short))
            try FileManager.default.moveItem(atPath: short.string, toPath: path.string)
        case .directory:
            try FileManager.default.createDirectory(
                atPath: path.string, withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
            try make([1, 2, 3], at: path.appending("inside"))
        case .empty: try make([], at: path)
        case .foreign: try make(Array("of somebody else\n".utf8), at: path)
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
