import ArgumentParser
import MigrationStream

/// The forms of a memory image that can be asked for.
enum Format: String, ExpressibleByArgument, CaseIterable {
    case raw
    case qemu

    /// The form, as the engine calls it.
    var imageFormat: ImageFormat {
        switch self {
        case .raw: .raw
        case .qemu: .stream
        }
    }
}
