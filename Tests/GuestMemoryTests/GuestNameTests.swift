import GuestMemory
import Testing

@Suite("Names of guests")
struct GuestNameTests {
    @Test("guest names that are no file's name")
    func guestNames() {
        for name in [
            "", ".", "..", "a/b", "-x", "_x", "a b", "é", String(repeating: "a", count: 65),
        ] {
            #expect(GuestName(name) == nil, "\(name)")
        }
        for name in ["a", "0", "web-1.example_x", String(repeating: "a", count: 64)] {
            #expect(GuestName(name) != nil, "\(name)")
        }
    }
}
