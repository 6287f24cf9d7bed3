import GuestMemory
import Testing

@Suite("Guest names")
struct GuestNameTests {
    @Test("valid guest names are accepted, and all others are refused")
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
