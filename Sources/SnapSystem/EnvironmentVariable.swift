import Glibc

/// Access to the variables of the process's environment, environ(7).
package enum EnvironmentVariable {
    /// Reads a variable.
    ///
    /// - Parameter name: The variable's name.
    /// - Returns: The variable's value; nil if it is not set or is empty.
    /// - Throws: `.usage` if the value is not UTF-8. A repaired value could name another directory.
    package static func value(_ name: String) throws(SnapError) -> String? {
        guard let bytes = unsafe getenv(name), unsafe bytes[0] != 0 else { return nil }
        guard let value = unsafe String(validatingCString: bytes) else {
            throw SnapError(.usage, "$\(name) is not UTF-8")
        }
        return value
    }
}
