import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("A long history")
struct LongHistoryTests {
    @Test("all of 1,100 checkpoints restore, and the number of references stays bounded", .slow)
    func references() throws {
        let store = try TestStore()
        // Two thousand pages under four tables: each save changes one page, and the other pages
        // stay in the files of earlier checkpoints.
        var image = GeneratedImage(pageCount: 2000)
        for page in 0..<2000 {
            image.pages[page] = Array(repeating: UInt8(page % 251 + 1), count: 4096)
        }
        var history: [Int: [UInt8]] = [:]
        var movedCount = 0
        let file = store.scratch.file("image")
        try image.write(to: file)
        for number in 1...1100 {
            let page = number * 7 % 2000
            let content = GeneratedImage.text(number)
            image.pages[page] = content
            history[number] = content
            let descriptor = try FileDescriptor.open(file, .writeOnly)
            _ = try descriptor.closeAfter {
                try descriptor.writeAll(toAbsoluteOffset: Int64(page * 4096), content)
            }
            let checkpoint = try store.save(at: file)
            movedCount += checkpoint.pages.moved
            #expect(checkpoint.number == number)
            if number > 1 {
                #expect(checkpoint.pages.literal == 1)
                #expect(checkpoint.pages.unchanged == 1999)
            }
            let savevm = try GuestFiles(
                of: store.guest, in: Directory(store.guestPath, .kernel)
            )
            .savevm(.savevm(number))
            #expect(try savevm.references().count <= 1024)
        }
        #expect(movedCount > 0, "the limit was reached")
        // Repeat all changes from the start, to compare each restored checkpoint with its image.
        var expected = GeneratedImage(pageCount: 2000)
        for page in 0..<2000 {
            expected.pages[page] = Array(repeating: UInt8(page % 251 + 1), count: 4096)
        }
        for number in 1...1100 {
            expected.pages[number * 7 % 2000] = history[number]
            #expect(try store.restores(number, to: expected), "checkpoint \(number)")
        }
    }
}
