import Foundation

/// The places of the RAM in a stream that QEMU wrote, found without snap's reader.
///
/// The scan supports only plain recordings, without other iterable sections before the RAM's end.
package struct StreamScan {
    /// The ranges of the RAM's sections in the stream, ascending.
    package private(set) var ram: [Range<Int>] = []
    /// The blocks' names and lengths in bytes.
    package private(set) var blocks: [(name: String, byteCount: Int)] = []
    private let bytes: Data
    private var offset = 0

    /// Scans a stream through the end of its RAM; traps if the stream has another form.
    ///
    /// - Parameter bytes: The stream.
    package init(_ bytes: Data) {
        self.bytes = bytes
        offset = 13 + integer(9, 4)
        while bytes[offset] == 5 { skipSubsection() }
        var isEnd = false
        while !isEnd, [1, 2, 3, 8].contains(bytes[offset]) {
            let start = offset
            switch bytes[offset] {
            case 8:
                offset += 5 + integer(offset + 3, 2)
                continue
            case 1: offset += 14 + Int(bytes[offset + 5])
            default:
                isEnd = bytes[offset] == 3
                offset += 5
            }
            while scanRecord() {}
            offset += 5
            ram.append(start..<offset)
        }
    }

    private func integer(_ offset: Int, _ count: Int) -> Int {
        bytes[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func skipSubsection() {
        let length = Int(bytes[offset + 1])
        let name = String(decoding: bytes[offset + 2..<offset + 2 + length], as: UTF8.self)
        offset += 6 + name.utf8.count
        guard name == "configuration/capabilities" else {
            offset += name == "configuration/uuid" ? 16 : 4
            return
        }
        let count = integer(offset, 4)
        offset += 4
        for _ in 0..<count { offset += 1 + Int(bytes[offset]) }
    }

    private mutating func scanRecord() -> Bool {
        let word = integer(offset, 8)
        offset += 8
        let flags = word & 0xfff
        if flags == 0x10 { return false }
        if flags == 0x04 {
            scanList(word & ~0xfff)
            return true
        }
        if flags & 0x20 == 0 { offset += 1 + Int(bytes[offset]) }
        switch flags & ~0x20 {
        case 0x02: offset += 1
        case 0x08: offset += 4096
        case 0x40: offset += 3 + integer(offset + 1, 2)
        default: offset += 4 + integer(offset, 4)
        }
        return true
    }

    private mutating func scanList(_ byteCount: Int) {
        var left = byteCount
        while left > 0 {
            let length = Int(bytes[offset])
            let name = String(decoding: bytes[offset + 1..<offset + 1 + length], as: UTF8.self)
            offset += 1 + length
            blocks.append((name, integer(offset, 8)))
            left -= integer(offset, 8)
            offset += 8
        }
    }
}
