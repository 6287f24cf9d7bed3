/// The entry point of the process: runs the command and returns its exit status.
///
/// SwiftPM names an executable's entry point after its module and links it as `main`. The arguments
/// come from the parameters because Swift's own `CommandLine` reads them from /proc, which a chroot
/// or a container may not have.
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
