import SavevmFormat
import SnapSystem
import WorkPipeline

/// The units in which two page tables differ, for a pipeline.
struct TablePairSource: ~Copyable, WorkSource {
    private var pair: PageTablePair

    /// Takes over two tables that are walked side by side.
    init(_ pair: consuming PageTablePair) {
        self.pair = pair
    }

    /// The next unit in which they differ; nil after the last.
    mutating func next() throws(SnapError) -> PageTablePair.Difference? { try pair.next() }
}
