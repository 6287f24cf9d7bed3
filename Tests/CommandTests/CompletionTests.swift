import Testing

/// Tests of the TAB key in the installed shells.
@Suite("Shell completion")
struct CompletionTests {
    @Test("bash completes guests, checkpoints and files", .slow, .needs("bash", "python3"))
    func bash() throws { try expectScriptPasses("Shells/complete", ["bash"]) }

    @Test("zsh completes guests, checkpoints and files", .slow, .needs("zsh", "python3"))
    func zsh() throws { try expectScriptPasses("Shells/complete", ["zsh"]) }

    @Test("fish completes guests, checkpoints and files", .slow, .needs("fish", "python3"))
    func fish() throws { try expectScriptPasses("Shells/complete", ["fish"]) }

    @Test("the completion script is printed for each form of its option")
    func script() throws {
        var command = try Command()
        let script = try command.run("--generate-completion-script", "bash")
        #expect(script.status == 0)
        #expect(script.text.hasSuffix("complete -F __snap_join_words snap\n"))
        #expect(try command.run("--generate-completion-script=bash").output == script.output)
        command.environment["SHELL"] = "/bin/bash"
        #expect(try command.run("--generate-completion-script").output == script.output)
        #expect(try command.run("--generate-completion-script", "tcsh").status == 64)
    }

    @Test("without a store the completion offers nothing and reports no error")
    func noStore() throws {
        let outcome = try Command().run(
            "---completion", "show", "--", "positional@0", "2", "0", "snap", "show", "")
        #expect(outcome.status == 0)
        #expect(outcome.text.filter { !$0.isWhitespace } == "")
        #expect(outcome.errors.isEmpty)
    }
}
