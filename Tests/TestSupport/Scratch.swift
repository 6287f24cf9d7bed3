import Foundation
import Synchronization
import SystemPackage

/// A directory for one test, in memory where possible; deleted when the test releases it, or when
/// the test process ends.
package final class Scratch: Sendable {
    package let path: FilePath

    private static let count = Mutex(0)

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

    package func file(_ name: String) -> FilePath { path.appending(name) }

    /// The store that most tests need one of.
    package var store: FilePath { path.appending("store") }

    /// A guest's directory in that store.
    package func guest(_ name: String = "g") -> FilePath {
        store.appending("guests").appending(name)
    }

    /// Writes a file and returns its path.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws -> FilePath {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name).string))
        return file(name)
    }
}

/// Reads a whole file.
package func bytes(of path: FilePath) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path.string)))
}

/// Replaces a whole file.
package func write(_ bytes: [UInt8], to path: FilePath) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path.string))
}

/// The names in a directory, sorted.
package func names(in path: FilePath) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path.string).sorted()
}

/// Whether something has this name.
package func exists(_ path: FilePath) -> Bool {
    FileManager.default.fileExists(atPath: path.string)
}
