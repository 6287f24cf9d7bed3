import Foundation
import SnapSystem
import SystemPackage

/// What goes to standard error: failures and warnings, as text or as JSON.
enum Report {
    /// Says why the command failed.
    ///
    /// - Parameters:
    ///   - error: What went wrong.
    ///   - isJSON: Whether to say it as one JSON object.
    static func failure(_ error: SnapError, isJSON: Bool) {
        guard isJSON else {
            write("snap: " + text(of: error))
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
        write(json.text + "\n")
    }

    /// Says what is damaged, one place of several.
    ///
    /// - Parameter error: What is wrong, and where.
    static func damage(_ error: SnapError) {
        write("snap: damaged: " + text(of: error))
    }

    /// Says what did not go well though the command succeeds.
    ///
    /// - Parameter error: What went wrong.
    static func warning(_ error: SnapError) {
        write("snap: warning: " + text(of: error))
    }

    /// Prints what came of a command that has done its work.
    ///
    /// If that cannot be printed the work is done all the same.
    ///
    /// - Parameter text: Whole lines.
    static func done(_ text: String) {
        do { try result(text) } catch {
            if !error.isClosedOutput { warning(error) }
        }
    }

    /// Prints a result.
    ///
    /// - Parameter text: Whole lines.
    /// - Throws: `.inputOutput` if standard output cannot be written.
    static func result(_ text: String) throws(SnapError) {
        try ProgressLine.aside { () throws(SnapError) in
            try Array(text.utf8).withBytes { (bytes) throws(SnapError) in
                try File.standardOutput(.kernel).append(bytes)
            }
        }
    }

    private static func text(of error: SnapError) -> String {
        let hint = error.hint.map { "hint: \($0.printable)\n" } ?? ""
        return "\(error.description.printable)\n\(hint)"
    }

    /// Prints a text on standard error.
    ///
    /// - Parameter text: Whole lines.
    static func text(_ text: String) { write(text) }

    private static func write(_ text: String) {
        ProgressLine.aside {
            // There is nobody left to tell if standard error fails.
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }
    }
}
