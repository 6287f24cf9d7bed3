/// The descriptors that become the standard streams of a program (posix_spawn(3)).
struct StandardDescriptors {
    /// The descriptor for standard input; nil for /dev/null.
    var input: Int32?
    /// The descriptor for standard output.
    let output: Int32
    /// The descriptor for standard error.
    let errors: Int32
}
