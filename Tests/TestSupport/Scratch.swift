import Foundation
import Synchronization
import SystemPackage

/// A directory for one test, in memory where possible; deleted when the test releases it, or when
/// the test process ends.
package final class Scratch: Sendable {
    /// The directory's path.
    package let path: FilePath

    private static let count = Mutex(0)

    /// Creates an empty directory.
    package init() throws {
        let number = Self.count.withLock { count in
            count += 1
            return count
        }
        path = ScratchRoot.path.appending("\(number)")
        try FileManager.default.createDirectory(
            atPath: path.string, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path.string) }

    /// Appends a name to the directory's path, without creating a file.
    ///
    /// - Parameter name: The name of a file in the directory.
    /// - Returns: The file's path.
    package func file(_ name: String) -> FilePath { path.appending(name) }

    /// The path of the store that most tests create in the directory.
    package var store: FilePath { path.appending("store") }

    /// Composes the path of a guest's directory in that store.
    ///
    /// - Parameter name: The guest's name.
    /// - Returns: The directory's path.
    package func guest(_ name: String = "g") -> FilePath {
        store.appending("guests").appending(name)
    }

    /// Writes a file in the directory.
    ///
    /// - Parameters:
    ///   - bytes: The file's content.
    ///   - name: The file's name.
    /// - Returns: The file's path.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws -> FilePath {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name).string))
        return file(name)
    }
}

/// Reads a file.
///
/// - Parameter path: The file's path.
/// - Returns: The file's content.
package func bytes(of path: FilePath) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path.string)))
}

/// Writes a file, and replaces its content if it exists.
///
/// - Parameters:
///   - bytes: The file's new content.
///   - path: The file's path.
package func write(_ bytes: [UInt8], to path: FilePath) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path.string))
}

/// Deletes a file.
///
/// - Parameter path: The file's path.
package func removeFile(_ path: FilePath) throws {
    guard unlink(path.string) == 0 else { throw Errno(rawValue: errno) }
}

/// Lists a directory.
///
/// - Parameter path: The directory's path.
/// - Returns: The names in the directory, sorted.
package func names(in path: FilePath) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path.string).sorted()
}

/// Checks whether a file exists.
///
/// - Parameter path: The file's path, whose symbolic links are followed.
/// - Returns: Whether a file or directory has the path.
package func exists(_ path: FilePath) -> Bool {
    FileManager.default.fileExists(atPath: path.string)
}
