import Testing

/// The beginnings of the soak tests, which `make soak` runs to their ends.
@Suite("Soak tests", .serialized, .slow, .needs("python3"))
struct SoakTests {
    @Test(
        "what was saved survives kills of snap and damage to its files",
        arguments: [
            ["kill", "--kills", "60"], ["damage", "--tries", "60", "--verify"],
        ])
    func script(_ arguments: [String]) throws {
        try expectScriptPasses("Soak/\(arguments[0])", Array(arguments.dropFirst()))
    }

    @Test("what was saved survives a file system that becomes read-only", .needsMounts)
    func readOnly() throws {
        try expectScriptPasses("Soak/kill", ["--read-only"])
    }
}
