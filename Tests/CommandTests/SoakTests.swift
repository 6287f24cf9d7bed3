import Testing

/// The beginnings of the soak tests, which `make soak` runs to their ends.
@Suite("Soak tests", .serialized)
struct SoakTests {
    @Test(
        "what was saved is there, whatever happens to snap and to its files",
        arguments: [
            ["kill", "--kills", "60"], ["kill", "--read-only"],
            ["damage", "--tries", "60", "--verify"],
        ])
    func script(_ arguments: [String]) throws {
        try expectScriptPasses("Soak/\(arguments[0])", Array(arguments.dropFirst()))
    }
}
