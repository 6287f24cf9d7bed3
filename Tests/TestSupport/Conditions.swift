import Foundation
import Testing

/// The part of the tests that a run includes.
package enum TestScale {
    /// Whether the run includes slow tests.
    ///
    /// `make unit` sets SNAP_TESTS=unit, which skips them.
    package static let isComplete = ProcessInfo.processInfo.environment["SNAP_TESTS"] != "unit"
}

// The conditions under which a test runs. A test whose condition does not hold is reported as
// skipped, with the reason.
extension Trait where Self == ConditionTrait {
    /// Marks a test that takes more than about a second, or needs QEMU or a mount.
    package static var slow: Self {
        .enabled(if: TestScale.isComplete, "make unit skips slow tests, make test runs them")
    }

    /// Requires that the tests run as root.
    ///
    /// - Parameter purpose: What the test needs root for, for example "to mount a file system".
    package static func needsRoot(_ purpose: String) -> Self {
        .enabled(if: geteuid() == 0, "needs root \(purpose)")
    }

    /// Requires programs that are not part of every installation.
    ///
    /// - Parameter names: The programs, which are searched for in PATH.
    package static func needs(_ names: String...) -> Self {
        .enabled(
            if: names.allSatisfy { isInstalled($0) },
            "needs \(names.joined(separator: ", ")) in PATH")
    }

    /// Requires the rules of time zones.
    ///
    /// - Parameter names: The time zones, such as `Europe/Berlin`.
    package static func needsTimeZones(_ names: String...) -> Self {
        .enabled(
            if: names.allSatisfy {
                FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/\($0)")
            },
            "needs \(names.joined(separator: ", ")) in /usr/share/zoneinfo")
    }
}

/// Checks whether a program is installed.
///
/// - Parameter name: The program's name.
/// - Returns: Whether a directory of PATH contains an executable file with this name.
package func isInstalled(_ name: String) -> Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").contains { directory in
        FileManager.default.isExecutableFile(atPath: "\(directory)/\(name)")
    }
}
