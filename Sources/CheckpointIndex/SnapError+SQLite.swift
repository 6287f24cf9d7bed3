import GRDB
import SnapSystem
import SystemPackage

extension SnapError {
    /// Translates an error of SQLite; `hint` is used if the index is damaged.
    init(_ error: DatabaseError, path: FilePath, hint: String) {
        let message = error.message ?? "no message"
        let text = "SQLite error \(error.extendedResultCode.rawValue): \(message)"
        switch error.resultCode {
        case .SQLITE_NOTADB, .SQLITE_CORRUPT, .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_CONSTRAINT,
            .SQLITE_TOOBIG, .SQLITE_MISMATCH:
            self.init(.damaged, text, path: path, hint: hint)
        case .SQLITE_READONLY where error.extendedResultCode == .SQLITE_READONLY_ROLLBACK:
            self.init(
                .permission, "\(text); an interrupted write must be rolled back first", path: path,
                hint: "run snap list once as a user who can write to the store")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(.permission, text, path: path)
        case .SQLITE_BUSY, .SQLITE_LOCKED: self.init(.busy, text, path: path)
        case .SQLITE_INTERRUPT where Interruption.isRequested:
            self.init(.interrupted, "interrupted", path: path)
        case .SQLITE_INTERRUPT:
            self.init(
                .damaged, "needs more work to read than its length allows", path: path, hint: hint)
        case .SQLITE_FULL: self.init(.inputOutput, text, path: path, errno: .noSpace)
        case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_NOMEM:
            self.init(.inputOutput, text, path: path)
        default: self.init(.internalFailure, text, path: path)
        }
    }
}
