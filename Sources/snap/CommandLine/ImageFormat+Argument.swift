import ArgumentParser
import MigrationStream

/// The formats of a memory image that save --format accepts.
extension ImageFormat: ExpressibleByArgument {}
