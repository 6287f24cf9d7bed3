import Testing

/// Tests with real guests under the installed QEMU: a restored guest must continue.
///
/// The scripts test more without `--short`, and also under other versions of QEMU.
@Suite(
    "Real guests", .serialized, .slow,
    .needs("qemu-system-x86_64", "busybox", "ar", "python3", "qemu-img", "mke2fs"))
struct RealGuestTests {
    @Test(
        "a guest continues from a restored checkpoint",
        arguments: ["resume", "pause", "live", "disks", "cookbook", "libvirt", "savefiles"])
    func script(_ name: String) throws {
        try expectScriptPasses("Guests/\(name)", ["--short"])
    }
}
