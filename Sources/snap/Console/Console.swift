import Foundation
import SnapSystem
import SystemPackage

/// Writes results to standard output, and errors and warnings to standard error.
///
/// Each write first erases the progress line.
enum Console {
    /// Prints the error with which the command fails.
    ///
    /// - Parameters:
    ///   - error: The error.
    ///   - isJSON: Whether to print it as one JSON object.
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

    /// Prints one damaged place in the store; there may be several.
    ///
    /// - Parameter error: The damage and its place.
    static func damage(_ error: SnapError) {
        writeError("snap: damaged: " + text(of: error))
    }

    /// Prints a problem that does not make the command fail.
    ///
    /// - Parameter error: The problem.
    static func warning(_ error: SnapError) {
        writeError("snap: warning: " + text(of: error))
    }

    /// Prints a result on standard output, unchanged.
    ///
    /// - Parameter text: Lines, each ending with a newline.
    /// - Throws: `.inputOutput` if standard output cannot be written.
    static func result(_ text: String) throws(SnapError) { try write(Array(text.utf8)) }

    /// Writes bytes to standard output.
    ///
    /// - Parameter bytes: The bytes.
    /// - Throws: `.inputOutput` if standard output cannot be written.
    static func write(_ bytes: [UInt8]) throws(SnapError) {
        try ProgressLine.whileErased { () throws(SnapError) in
            try File.standardOutput(.kernel).append(bytes)
        }
    }

    private static func text(of error: SnapError) -> String {
        let hint = error.hint.map { "hint: \($0.printable)\n" } ?? ""
        return "\(error.description.printable)\n\(hint)"
    }

    /// Prints text on standard error, unchanged.
    ///
    /// - Parameter text: Lines, each ending with a newline.
    static func text(_ text: String) { writeError(text) }

    private static func writeError(_ text: String) {
        ProgressLine.whileErased {
            // If writing to standard error fails, there is no other place to report the failure.
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }
    }
}
