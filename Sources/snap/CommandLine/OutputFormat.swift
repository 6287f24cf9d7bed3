import ArgumentParser

/// The formats of an output that restore --format accepts.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case raw
    case qemu
    case libvirt
}
