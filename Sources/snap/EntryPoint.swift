/// The C entry point.
///
/// SwiftPM calls an executable's `main` after its module, and makes it `main` when it links. The
/// arguments are taken from here because Swift's own `CommandLine` reads them from /proc, which a
/// chroot or a container need not have.
@c(snap_main) @safe
func entryPoint(
    _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
    var texts: [String?] = []
    for index in 0..<Int(count) {
        guard let argument = unsafe arguments[index] else { break }
        texts.append(unsafe String(validatingCString: argument))
    }
    return Command.run(Array(texts.dropFirst()))
}
