import SnapSystem

/// The list of a stream's elements, as they are found.
struct StreamElements: Sendable {
    private(set) var list: [StreamElement] = []
    /// The headers of the sections that have begun.
    private(set) var begun: [UInt32: SectionHead] = [:]
    /// The number of the RAM's section; nil before it has begun.
    private(set) var ramID: UInt32?
    /// Whether sections with pages have come.
    private(set) var hasRAMParts = false
    /// Whether the last of them has.
    private(set) var hasRAMEnd = false
    private let keepsRAM: Bool
    /// The first device behind it that has one section.
    private var firstDeviceBehindRAM: Int?

    /// The name under which the devices of a stream without footers or description are listed.
    private static let allDevices = "devices"

    /// - Parameter keepsRAM: Whether RAM sections are listed with their bytes.
    init(keepsRAM: Bool) { self.keepsRAM = keepsRAM }

    /// Checks that there is room for another element.
    func checkCount(_ input: borrowing StreamInput) throws(SnapError) {
        guard max(begun.count, list.count) < StreamLimits.elementCountMax else {
            throw input.damage("more than \(StreamLimits.elementCountMax) elements")
        }
    }

    /// Adds bytes around sections to those before them.
    mutating func addFraming(_ range: Range<Int>) {
        if let last = list.last, last.kind == .framing, last.range.upperBound == range.lowerBound {
            list[list.count - 1].range = last.range.lowerBound..<range.upperBound
        } else {
            var element = StreamElement(kind: .framing)
            element.range = range
            list.append(element)
        }
    }

    /// Adds a RAM section.
    ///
    /// - Parameters:
    ///   - head: Its header.
    ///   - range: Its bytes among the kept ones; none if its pages are staged.
    ///   - input: The stream, for messages.
    ///   - place: Where in the stream it begins.
    mutating func addRAM(
        _ head: SectionHead, _ range: Range<Int>, of input: borrowing StreamInput, at place: Int
    ) throws(SnapError) {
        guard !hasRAMEnd else { throw input.damage("RAM continues after its end", at: place) }
        let isStart = head.type == .start
        if isStart {
            try begin(head, input, at: place)
            ramID = head.sectionID
        } else {
            hasRAMParts = true
            hasRAMEnd = head.type == .sectionEnd
        }
        if keepsRAM || isStart || hasRAMEnd {
            var element = StreamElement(isStart ? .ramStart : .ram, head)
            if !isStart { element.name = "" }
            element.range = range
            list.append(element)
        }
        firstDeviceBehindRAM = nil
    }

    /// Adds a device's section, to the one before it where both are of a device that has several.
    ///
    /// - Parameters:
    ///   - head: Its header.
    ///   - range: Its bytes among the kept ones.
    ///   - stateByteCount: The length of the device's own state behind the header.
    ///   - input: The stream, for messages.
    ///   - place: Where in the stream it begins.
    mutating func addDevice(
        _ head: SectionHead, _ range: Range<Int>, stateByteCount: Int,
        of input: borrowing StreamInput, at place: Int
    ) throws(SnapError) {
        if head.type == .full || head.type == .start { try begin(head, input, at: place) }
        let state = head.byteCount..<head.byteCount + stateByteCount
        if let last = list.last, last.kind == .device, last.sectionID == head.sectionID,
            last.range.upperBound == range.lowerBound, head.type != .full
        {
            let offset = range.lowerBound - last.range.lowerBound
            list[list.count - 1].range = last.range.lowerBound..<range.upperBound
            list[list.count - 1].state = last.state.lowerBound..<offset + state.upperBound
            return
        }
        if head.type == .full, firstDeviceBehindRAM == nil { firstDeviceBehindRAM = list.count }
        var element = StreamElement(.device, head)
        element.range = range
        element.state = state
        list.append(element)
    }

    /// Adds all devices of a stream in which nothing tells them apart, and the stream's end.
    mutating func addAllDevices(_ range: Range<Int>) {
        endRAM(at: range.lowerBound)
        var element = StreamElement(kind: .device)
        element.name = Self.allDevices
        element.range = range
        element.state = 0..<range.count
        list.append(element)
    }

    /// Adds the end mark and what belongs to it.
    mutating func addEnd(_ range: Range<Int>) {
        endRAM(at: range.lowerBound)
        addFraming(range)
    }

    /// Notes where the RAM ends in a background snapshot, which has no last section of it: before
    /// the first device that follows.
    private mutating func endRAM(at offset: Int) {
        guard !keepsRAM, !hasRAMEnd, let ramID else { return }
        hasRAMEnd = true
        let index = firstDeviceBehindRAM ?? list.count
        let place = index < list.count ? list[index].range.lowerBound : offset
        var element = StreamElement(kind: .ram)
        element.sectionID = ramID
        element.range = place..<place
        list.insert(element, at: index)
    }

    private mutating func begin(
        _ head: SectionHead, _ input: borrowing StreamInput, at place: Int
    ) throws(SnapError) {
        guard begun.updateValue(head, forKey: head.sectionID) == nil else {
            throw input.damage("section \(head.sectionID) begins twice", at: place)
        }
    }
}
