import SavevmFormat
import Testing

@Suite("Page table")
struct PageTableTests {
    @Test("depth is the smallest d with 512^d pages or more")
    func depth() {
        let expected = [
            (1, 0), (2, 1), (512, 1), (513, 2), (262_144, 2), (262_145, 3), (134_217_728, 3),
        ]
        for (pageCount, depth) in expected {
            #expect(PageTableShape(pageCount: pageCount).depth == depth, "\(pageCount) pages")
        }
    }
}
