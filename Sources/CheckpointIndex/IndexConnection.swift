import GRDB
import Synchronization

/// The connection to an index; it is closed when the value is destroyed.
///
/// GRDB's object is kept until the process ends, once the connection has been opened. Freeing its
/// dispatch queue would start a thread of libdispatch's pool. The pool reads /proc about once per
/// second, and ends the process if it cannot, for example in a container without /proc.
final class IndexConnection {
    /// The connection, for statements.
    let queue: DatabaseQueue

    private static let closed = Mutex<[DatabaseQueue]>([])

    /// Opens a connection.
    ///
    /// - Parameters:
    ///   - path: The path of the database file, which must exist.
    ///   - configuration: The configuration of the connection.
    /// - Throws: `DatabaseError`.
    init(_ path: String, _ configuration: Configuration) throws {
        queue = try DatabaseQueue(path: path, configuration: configuration)
    }

    deinit {
        // If a statement is still in use, GRDB closes the connection when its object is freed.
        if (try? queue.close()) != nil { Self.closed.withLock { $0.append(queue) } }
    }
}
