import ArgumentParser
import MigrationStream

/// The formats of a memory image that save --format accepts.
enum Format: String, ExpressibleByArgument, CaseIterable {
    case raw
    case qemu

    /// The engine's value for the format.
    var imageFormat: ImageFormat {
        switch self {
        case .raw: .raw
        case .qemu: .stream
        }
    }
}
