import SavevmFormat
import Testing

@Suite("Page tables")
struct PageTableTests {
    @Test("the depth is the smallest d for which 512^d is at least the number of pages")
    func depth() {
        let expected = [
            (1, 0), (2, 1), (512, 1), (513, 2), (262_144, 2), (262_145, 3), (134_217_728, 3),
        ]
        for (pageCount, depth) in expected {
            #expect(PageTableShape(pageCount: pageCount).depth == depth, "\(pageCount) pages")
        }
    }
}
