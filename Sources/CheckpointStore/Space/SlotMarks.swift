import GuestMemory
import SavevmFormat
import SnapSystem

/// The live slots of deleted checkpoints' files, one bit for each slot.
struct SlotMarks {
    /// The marks of one file.
    private struct FileMarks {
        /// The index of each group's first word; the last element is the number of words.
        var starts: [UInt32] = [0]
        var words: [UInt64] = []
    }

    /// The lowest number of a file; `Int.max` without files.
    private(set) var lowestNumber = Int.max
    private var files: [FileMarks] = []
    private var indexes: [Int: Int] = [:]
    /// The file that was marked last; most locations of a table are in few files.
    private var last = (number: 0, index: 0)
    /// The files that can only be marked as one, because their groups cannot be read.
    private var unreadable: [Int: SnapError] = [:]
    private var markedUnreadable: Set<Int> = []

    /// The memory that all marks take, in bytes.
    private(set) var byteCount = 0

    /// The number of bytes of a slot in the head of its group, at least: a digest and its form.
    private static let slotByteCountMin = 17

    /// Adds a file without marks.
    ///
    /// - Parameter file: The file; its group index is read completely.
    /// - Throws: `.damaged` or `.inputOutput`; the file is then not added.
    mutating func add(_ file: SavevmFile) throws(SnapError) {
        var marks = FileMarks()
        marks.starts.reserveCapacity(file.groupCount + 1)
        var wordCount = 0
        for group in 0..<file.groupCount {
            if let entry = try file.entryIfPresent(ofGroup: group) {
                // The head's length bounds the number of slots without reading the head.
                let slotCount = min(
                    entry.headByteCount / Self.slotByteCountMin + 1, Limits.slotCountMax)
                wordCount += (slotCount + 63) / 64
            }
            marks.starts.append(UInt32(clamping: wordCount))
        }
        marks.words = Array(repeating: 0, count: wordCount)
        let number = file.header.number
        indexes[number] = files.count
        files.append(marks)
        lowestNumber = min(lowestNumber, number)
        byteCount += marks.starts.count * 4 + wordCount * 8
    }

    /// Adds a file whose groups cannot be read, so that it can only be marked as one.
    ///
    /// - Parameters:
    ///   - number: The file's number.
    ///   - error: The reason why it cannot be read.
    mutating func addUnreadable(_ number: Int, _ error: SnapError) {
        unreadable[number] = error
        lowestNumber = min(lowestNumber, number)
    }

    /// Marks a slot as live; ignores a slot that does not exist or belongs to another file.
    ///
    /// - Parameter location: The slot's location.
    mutating func mark(_ location: Location) {
        let number = location.number
        guard number >= lowestNumber else { return }
        if last.number != number {
            guard let index = indexes[number] else {
                if unreadable[number] != nil { markedUnreadable.insert(number) }
                return
            }
            last = (number, index)
        }
        let index = last.index
        guard location.group + 1 < files[index].starts.count else { return }
        let word = Int(files[index].starts[location.group]) + location.slot / 64
        guard word < Int(files[index].starts[location.group + 1]) else { return }
        files[index].words[word] |= 1 << UInt64(location.slot % 64)
    }

    /// Returns the reason why a file with a live slot cannot be read.
    ///
    /// - Parameter number: The number of a file that was added as unreadable.
    /// - Returns: nil if no slot of the file is live.
    func damage(ofMarked number: Int) -> SnapError? {
        markedUnreadable.contains(number) ? unreadable[number] : nil
    }

    /// Whether the marks contain a file whose groups can be read.
    func contains(_ number: Int) -> Bool { indexes[number] != nil }

    /// Returns the live slots of a group.
    ///
    /// - Parameters:
    ///   - group: The group's number in its file.
    ///   - number: The number of a file that was added.
    func liveSlots(ofGroup group: Int, in number: Int) -> PageSet {
        guard let index = indexes[number], group + 1 < files[index].starts.count else {
            return PageSet()
        }
        let words = Int(files[index].starts[group])..<Int(files[index].starts[group + 1])
        return PageSet(words: files[index].words[words])
    }
}
