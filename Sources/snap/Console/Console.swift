import Foundation
import SnapSystem
import SystemPackage

/// The process's standard output and standard error: results on the one, failures and warnings on
/// the other.
///
/// Each write removes the progress line first.
enum Console {
    /// Says why the command failed.
    ///
    /// - Parameters:
    ///   - error: What went wrong.
    ///   - isJSON: Whether to say it as one JSON object.
    static func failure(_ error: SnapError, isJSON: Bool) {
        guard isJSON else {
            writeError("snap: " + text(of: error))
            return
        }
        var json = JSONWriter()
        json.object { json in
            json.key("error")
            json.object { json in
                json.field("code", Int(error.code.rawValue))
                json.field("message", error.message)
                json.field("path", error.path?.string)
                json.field("offset", error.offset)
                if let hint = error.hint { json.field("hint", hint) }
            }
        }
        writeError(json.text + "\n")
    }

    /// Says what is damaged, one place of several.
    ///
    /// - Parameter error: What is wrong, and where.
    static func damage(_ error: SnapError) {
        writeError("snap: damaged: " + text(of: error))
    }

    /// Says what did not go well though the command succeeds.
    ///
    /// - Parameter error: What went wrong.
    static func warning(_ error: SnapError) {
        writeError("snap: warning: " + text(of: error))
    }

    /// Prints a result.
    ///
    /// - Parameter text: Lines, each with its end.
    /// - Throws: `.inputOutput` if standard output cannot be written.
    static func result(_ text: String) throws(SnapError) { try write(Array(text.utf8)) }

    /// Writes bytes to standard output.
    ///
    /// - Parameter bytes: The bytes.
    /// - Throws: `.inputOutput` if it cannot be written.
    static func write(_ bytes: [UInt8]) throws(SnapError) {
        try ProgressLine.aside { () throws(SnapError) in
            try File.standardOutput(.kernel).append(bytes)
        }
    }

    private static func text(of error: SnapError) -> String {
        let hint = error.hint.map { "hint: \($0.printable)\n" } ?? ""
        return "\(error.description.printable)\n\(hint)"
    }

    /// Prints a text on standard error.
    ///
    /// - Parameter text: Lines, each with its end.
    static func text(_ text: String) { writeError(text) }

    private static func writeError(_ text: String) {
        ProgressLine.aside {
            // If standard error fails there is no other place to say it.
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }
    }
}
