import Glibc

/// The variables of the process's environment, environ(7).
package enum EnvironmentVariable {
    /// A variable's value; nil if it is not set, or empty.
    ///
    /// - Parameter name: Its name.
    /// - Throws: `.usage` if it is not UTF-8: a repaired value would name something else.
    package static func value(_ name: String) throws(SnapError) -> String? {
        guard let bytes = unsafe getenv(name), unsafe bytes[0] != 0 else { return nil }
        guard let value = unsafe String(validatingCString: bytes) else {
            throw SnapError(.usage, "$\(name) is not UTF-8")
        }
        return value
    }
}
