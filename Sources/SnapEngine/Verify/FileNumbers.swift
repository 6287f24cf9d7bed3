/// Numbers of files, ascending: small, since there is one for each table of a history.
struct FileNumbers: Sendable, Equatable {
    private(set) var numbers: [Int32] = []

    /// Takes numbers in any order.
    init(_ numbers: Set<Int> = []) {
        self.numbers = numbers.sorted().map { Int32($0) }
    }
}
