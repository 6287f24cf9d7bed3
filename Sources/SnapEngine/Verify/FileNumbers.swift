/// The numbers of files, ascending.
///
/// A compact array, because verification keeps one value for each table of a guest's history.
struct FileNumbers: Sendable, Equatable {
    private(set) var numbers: [Int32] = []

    /// Creates a list from a set of file numbers.
    init(_ numbers: Set<Int> = []) {
        self.numbers = numbers.sorted().map { Int32($0) }
    }
}
