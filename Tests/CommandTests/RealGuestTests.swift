import Testing

/// Real guests under the QEMU that is installed: what is saved must go on.
///
/// The scripts tell more with other QEMUs, and without `--short`.
@Suite(
    "Real guests", .serialized, .slow,
    .needs("qemu-system-x86_64", "busybox", "ar", "python3"))
struct RealGuestTests {
    @Test(
        "a guest goes on from what was saved and restored",
        arguments: ["resume", "standstill", "cookbook"])
    func script(_ name: String) throws {
        try expectScriptPasses("Guests/\(name)", ["--short"])
    }
}
