import GuestMemory
import Testing

@Suite("Guest names")
struct GuestNameTests {
    @Test("names that are unsuitable as file names are refused, all others are accepted")
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
