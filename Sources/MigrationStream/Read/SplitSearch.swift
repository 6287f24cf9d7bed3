import GuestMemory
import SnapSystem

/// Finds the one way in which the kept bytes of a stream divide into elements.
///
/// A section ends where the description or its own format says. Some devices that are sent in
/// several sections have a format that is not known here, and the description leaves them out. Then
/// every footer of the section may be its end, false ones that a guest has put into its devices'
/// state among them. All ways are followed that fit headers, footers and description, to the
/// stream's end; unless exactly one does, the stream is refused.
///
/// Ways that differ only in how the sections of one device follow one another count as one: what is
/// RAM and what is each device's is the same in them.
struct SplitSearch: ~Copyable {
    typealias State = StreamStepper.State

    /// How many ways there are, and the one where it is one: the number of its first node.
    private enum Outcome {
        case none
        case one(Int)
        case many
    }

    /// A piece and the node of those behind it.
    ///
    /// There is one node for each content, so that two ways are the same if their first nodes have
    /// the same number.
    private struct Node: Hashable {
        let piece: StreamPiece
        let next: Int?
    }

    /// All ways in which the sections of one device go on from one of its footers.
    private struct RunKey: Hashable {
        let state: State
        let sectionID: UInt32
    }

    private var stepper: StreamStepper
    /// Where the bytes begin that are divided here, and where they end.
    private let bytes: Range<Int>
    private var nodes: [Node] = []
    private var numbers: [Node: Int] = [:]
    private var known: [State: Outcome] = [:]
    private var ends: [UInt32: [Int]] = [:]
    private var runs: [RunKey: Outcome] = [:]
    /// The error at the place that was farthest.
    private var farthest: SnapError?
    private var farthestOffset = -1
    /// A section that may end in several places.
    private var ambiguous: (name: String, offset: Int)?
    /// How many more bytes may be looked at; below 0, not all ways have been followed.
    private(set) var workLeft: Int

    /// - Parameters:
    ///   - stepper: What finds the elements whose end is known.
    ///   - bytes: Where the bytes begin that are divided, and where they end.
    ///   - work: How many bytes may be looked at, those that are looked at again counted again.
    init(_ stepper: consuming StreamStepper, _ bytes: Range<Int>, work: Int) {
        self.stepper = stepper
        self.bytes = bytes
        workLeft = work
    }

    /// How many bytes may be looked at to divide so many, however often that is tried.
    static func work(for byteCount: Int) -> Int {
        byteCount.multipliedClamped(by: 16).addingClamped(1 << 24)
    }

    /// Divides.
    ///
    /// - Parameter start: Where to begin, and what has come before.
    /// - Returns: The pieces, one after the other.
    /// - Throws: `.inputDamaged` if no way fits, or several do; `.unsupported` without a
    ///   description for a section before the RAM's end; `.inputOutput` or `.interrupted`.
    mutating func pieces(from start: State) throws(SnapError) -> [StreamPiece] {
        let outcome = try outcome(start, depth: 0)
        guard workLeft >= 0 else {
            throw stepper.input.damage(
                "stream can be divided into sections in too many ways", at: start.offset)
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
            throw farthest ?? stepper.input.damage("stream cannot be divided", at: start.offset)
        case .many:
            let (name, offset) = ambiguous ?? ("", start.offset)
            throw stepper.input.damage(
                "section \(name) may end in several places, and neither its length nor its format "
                    + "is known", at: offset)
        }
    }

    // MARK: One place

    private mutating func outcome(_ start: State, depth: Int) throws(SnapError) -> Outcome {
        if let outcome = known[start] { return outcome }
        if known.count >= StreamLimits.searchPlaceCountMax { workLeft = -1 }
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
                    result = try ways(behind: head, from: state, depth: depth)
                }
            } catch {
                // Another way may do.
                guard error.code == .inputDamaged || error.code == .unsupported else { throw error }
                note(error)
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

    private mutating func note(_ error: SnapError) {
        guard let offset = error.offset, offset > farthestOffset else { return }
        (farthest, farthestOffset) = (error, offset)
    }

    private mutating func spend(_ byteCount: Int) throws(SnapError) {
        try Interruption.check()
        if workLeft >= 0 { workLeft -= byteCount }
        // Not an error of this way alone: others must not be taken for the only one.
        guard workLeft >= 0 else {
            throw stepper.input.damage("too many ways to divide the stream into sections")
        }
    }

    private mutating func number(_ piece: StreamPiece, _ next: Int?) -> Int {
        let node = Node(piece: piece, next: next)
        if let number = numbers[node] { return number }
        numbers[node] = nodes.count
        nodes.append(node)
        return nodes.count - 1
    }

    // MARK: Sections whose end is searched for

    /// Follows every way on from a section that may end at any of its footers.
    private mutating func ways(
        behind head: SectionHead, from state: State, depth: Int
    ) throws(SnapError) -> Outcome {
        if ambiguous == nil { ambiguous = (head.name, state.offset) }
        guard depth < StreamLimits.searchDepthMax else { return .many }
        let ends = try ends(of: head.sectionID)
        let start = state.offset + head.byteCount + StreamFormat.footerByteCount
        let first = ends.firstIndexOfRest { $0 >= start }
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

    /// The ways on from all of a device's footers, from one on.
    ///
    /// From the last to the first, so that what comes after each is known before it is asked for
    /// again: the cost goes with the number of footers.
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

    /// The ways on from a section's end, with the sections of the same device that follow at once
    /// made part of it: they begin with an empty piece, or with those.
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
            workLeft = -1
            try spend(0)
        }
        ends[sectionID] = found
        return found
    }
}
