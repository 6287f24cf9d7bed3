import Testing

/// Short runs of the soak tests; `make soak` runs them in full.
@Suite("Soak tests", .serialized, .slow, .needs("python3"))
struct SoakTests {
    @Test(
        "after kills and damage each checkpoint restores exactly or is reported as damaged",
        arguments: [
            ["kill", "--kills", "60"], ["damage", "--tries", "60", "--verify"],
        ])
    func script(_ arguments: [String]) throws {
        try expectScriptPasses("Soak/\(arguments[0])", Array(arguments.dropFirst()))
    }

    @Test("checkpoints survive a file system that becomes read-only", .needsMounts)
    func readOnly() throws {
        try expectScriptPasses("Soak/kill", ["--read-only"])
    }
}
