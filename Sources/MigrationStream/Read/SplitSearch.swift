import GuestMemory
import SnapSystem

/// Finds the only way to divide the kept bytes of a stream into elements.
///
/// The description or the device's own format determines where a section ends. Some devices that
/// are sent in several sections have a format that snap does not know, and the description omits
/// them. Then every footer of such a section may be its end, including false footers that a guest
/// has put into the state of its devices. The search follows all ways that match headers, footers
/// and description, to the stream's end. If not exactly one way reaches it, the stream is refused.
///
/// Ways count as one if they differ only in the boundaries between consecutive sections of one
/// device: they assign the same bytes to the RAM and to each device.
struct SplitSearch: ~Copyable {
    typealias State = StreamStepper.State

    /// The number of ways from a place to the stream's end.
    private enum Outcome {
        case none
        /// One way, with the number of its first node.
        case one(Int)
        case many
    }

    /// A piece and the number of the node after it.
    ///
    /// Equal nodes have the same number, so two ways are equal if their first nodes have the same
    /// number.
    private struct Node: Hashable {
        let piece: StreamPiece
        let next: Int?
    }

    /// A footer of a device, from which the search continues in all ways.
    private struct RunKey: Hashable {
        let state: State
        let sectionID: UInt32
    }

    private var stepper: StreamStepper
    /// The range among the kept bytes that the search divides.
    private let bytes: Range<Int>
    private var nodes: [Node] = []
    /// The number of each node.
    private var numbers: [Node: Int] = [:]
    /// The outcome of each place that has been searched.
    private var known: [State: Outcome] = [:]
    /// The offsets at which each section may end, by section number.
    private var ends: [UInt32: [Int]] = [:]
    /// The outcome of each footer that has been searched.
    private var runs: [RunKey: Outcome] = [:]
    /// The error with the highest offset so far.
    private var farthest: SnapError?
    private var farthestOffset = -1
    /// The first section that may end in several places.
    private var ambiguous: (name: String, offset: Int)?
    /// The number of bytes that may still be examined; if negative, the search is incomplete.
    private(set) var remainingWork: Int

    /// Creates a search.
    ///
    /// - Parameters:
    ///   - stepper: The stepper that finds the elements whose end is known.
    ///   - bytes: The range among the kept bytes to divide.
    ///   - work: The number of bytes that may be examined, counting repeated examinations.
    init(_ stepper: consuming StreamStepper, _ bytes: Range<Int>, work: Int) {
        self.stepper = stepper
        self.bytes = bytes
        remainingWork = work
    }

    /// Returns the number of bytes that all attempts together may examine to divide `byteCount`
    /// bytes.
    static func work(for byteCount: Int) -> Int {
        byteCount.multipliedClamped(by: 16).addingClamped(1 << 24)
    }

    /// Divides the bytes.
    ///
    /// - Parameter start: The offset of the first byte, and the facts about the elements before it.
    /// - Returns: The pieces in order, without gaps.
    /// - Throws: `.inputDamaged` if no way or more than one way fits; `.unsupported` if a section
    ///   precedes the end of the RAM and there is no description; `.inputOutput` or `.interrupted`.
    mutating func pieces(from start: State) throws(SnapError) -> [StreamPiece] {
        let outcome = try outcome(start, depth: 0)
        guard remainingWork >= 0 else {
            throw stepper.input.damage(
                "there are too many ways to divide the stream into sections", at: start.offset)
        }
        switch outcome {
        case .one(let first):
            var pieces: [StreamPiece] = []
            var next: Int? = first
            while let number = next {
                pieces.append(nodes[number].piece)
                next = nodes[number].next
            }
            return pieces
        case .none:
            throw farthest
                ?? stepper.input.damage(
                    "cannot divide the stream into sections: none fits here", at: start.offset)
        case .many:
            let (name, offset) = ambiguous ?? ("", start.offset)
            throw stepper.input.damage(
                "section \(name) may end in several places, since neither its length nor its "
                    + "format is known", at: offset)
        }
    }

    // MARK: One place

    private mutating func outcome(_ start: State, depth: Int) throws(SnapError) -> Outcome {
        if let outcome = known[start] { return outcome }
        if known.count >= StreamLimits.searchPlaceCountMax { remainingWork = -1 }
        try spend(0)
        var state = start
        var taken: [StreamPiece] = []
        var result = Outcome.none
        walk: while true {
            do throws(SnapError) {
                switch try stepper.step(at: state) {
                case .piece(let piece, let next):
                    taken.append(piece)
                    try spend(next.offset - state.offset)
                    state = next
                    continue walk
                case .last(let piece): result = .one(number(piece, nil))
                case .openEnd(let head):
                    result = try ways(after: head, from: state, depth: depth)
                }
            } catch {
                // Another way may still fit.
                guard error.code == .inputDamaged || error.code == .unsupported else { throw error }
                record(error)
            }
            break
        }
        if case .one(var node) = result {
            for piece in taken.reversed() { node = number(piece, node) }
            result = .one(node)
        }
        known[start] = result
        return result
    }

    private mutating func record(_ error: SnapError) {
        guard let offset = error.offset, offset > farthestOffset else { return }
        (farthest, farthestOffset) = (error, offset)
    }

    private mutating func spend(_ byteCount: Int) throws(SnapError) {
        try Interruption.check()
        if remainingWork >= 0 { remainingWork -= byteCount }
        // This error ends the complete search, so that no other way is mistaken for the only one.
        guard remainingWork >= 0 else {
            throw stepper.input.damage(
                "there are too many ways to divide the stream into sections")
        }
    }

    private mutating func number(_ piece: StreamPiece, _ next: Int?) -> Int {
        let node = Node(piece: piece, next: next)
        if let number = numbers[node] { return number }
        numbers[node] = nodes.count
        nodes.append(node)
        return nodes.count - 1
    }

    // MARK: Sections of unknown length

    /// Follows every way from a section that may end at any of its footers.
    private mutating func ways(
        after head: SectionHead, from state: State, depth: Int
    ) throws(SnapError) -> Outcome {
        if ambiguous == nil { ambiguous = (head.name, state.offset) }
        guard depth < StreamLimits.searchDepthMax else { return .many }
        let ends = try ends(of: head.sectionID)
        let start = state.offset + head.byteCount + StreamFormat.footerByteCount
        let first = ends.partitionIndex { $0 >= start }
        guard first < ends.count else {
            throw stepper.input.damage("section \(head.name) has no footer", at: state.offset)
        }
        let result = try runs(of: head, in: ends, from: first, state, depth: depth)
        guard case .one(let node) = result else { return result }
        let piece = nodes[node].piece
        return .one(
            number(
                StreamPiece(
                    kind: .device(head.type), range: state.offset..<piece.range.upperBound,
                    sectionID: head.sectionID), nodes[node].next))
    }

    /// Follows every way from a device's footers, starting with a given one.
    ///
    /// It searches from the last footer to the first, so that the outcome after each footer is
    /// known when an earlier one needs it. The cost grows linearly with the number of footers.
    private mutating func runs(
        of head: SectionHead, in ends: [Int], from first: Int, _ state: State, depth: Int
    ) throws(SnapError) -> Outcome {
        var state = state
        var index = first
        var result = Outcome.none
        let key = { (state: State) in RunKey(state: state, sectionID: head.sectionID) }
        while index < ends.count {
            state.offset = ends[index]
            if let known = runs[key(state)] {
                result = known
                break
            }
            index += 1
        }
        while index > first {
            index -= 1
            state.offset = ends[index]
            result = merge(result, try run(of: head, endingAt: state, depth: depth + 1))
            runs[key(state)] = result
        }
        return result
    }

    /// Follows every way from a section's end, and merges the sections of the same device that
    /// directly follow into the section.
    ///
    /// The first piece of the result is empty; its range is where the merged section ends.
    private mutating func run(
        of head: SectionHead, endingAt state: State, depth: Int
    ) throws(SnapError) -> Outcome {
        guard case .one(let node) = try outcome(state, depth: depth) else {
            return try outcome(state, depth: depth)
        }
        var piece = StreamPiece(
            kind: .device(.part), range: state.offset..<state.offset, sectionID: head.sectionID)
        var next: Int? = node
        if nodes[node].piece.sectionID == head.sectionID,
            case .device(let type) = nodes[node].piece.kind, type != .full
        {
            piece.range = nodes[node].piece.range.upperBound..<nodes[node].piece.range.upperBound
            next = nodes[node].next
        }
        return .one(number(piece, next))
    }

    private func merge(_ left: Outcome, _ right: Outcome) -> Outcome {
        switch (left, right) {
        case (.none, let other), (let other, .none): other
        case (.one(let one), .one(let other)): one == other ? left : .many
        default: .many
        }
    }

    private mutating func ends(of sectionID: UInt32) throws(SnapError) -> [Int] {
        if let found = ends[sectionID] { return found }
        try spend(bytes.count)
        let countMax = StreamLimits.searchPlaceCountMax
        let found = try stepper.ends(
            of: sectionID, from: bytes.lowerBound, countMax: countMax)
        if found.count == countMax {
            remainingWork = -1
            try spend(0)
        }
        ends[sectionID] = found
        return found
    }
}
