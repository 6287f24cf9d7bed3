import ArgumentParser
import GuestMemory
import SnapSystem

extension CheckpointCodec: ExpressibleByArgument {
    /// Reads the codec that `$SNAP_CODEC` chooses.
    ///
    /// - Returns: The codec; nil if the variable is not set or is empty.
    /// - Throws: `.usage` for another value than the name of a codec.
    static func inEnvironment() throws(SnapError) -> CheckpointCodec? {
        guard let name = try EnvironmentVariable.value("SNAP_CODEC") else { return nil }
        guard let codec = CheckpointCodec(rawValue: name) else {
            let names = allCases.map(\.rawValue).joined(separator: " or ")
            throw SnapError(
                .usage, "$SNAP_CODEC is \"\(name.printable)\", expected \(names)")
        }
        return codec
    }
}
