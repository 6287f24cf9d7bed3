import SnapSystem

/// The list of a stream's elements, which grows as they are found.
struct StreamElements: Sendable {
    private(set) var list: [StreamElement] = []
    /// The headers of the sections that have started, by section number.
    private(set) var started: [UInt32: SectionHead] = [:]
    /// The section number of the RAM; nil before the RAM starts.
    private(set) var ramID: UInt32?
    /// Whether the list has a later section of the RAM.
    private(set) var hasRAMParts = false
    /// Whether the list has the last section of the RAM.
    private(set) var hasRAMEnd = false
    private let keepsRAM: Bool
    /// The index in the list of the first device after the RAM that has one section.
    private var firstDeviceAfterRAM: Int?

    /// The name of the element with all devices of a stream without footers or description.
    private static let allDevices = "devices"

    /// Creates an empty list.
    ///
    /// - Parameter keepsRAM: Whether all RAM sections are listed, with their bytes.
    init(keepsRAM: Bool) { self.keepsRAM = keepsRAM }

    /// Checks that the limit allows another element.
    func checkCount(_ input: borrowing StreamInput) throws(SnapError) {
        guard max(started.count, list.count) < StreamLimits.elementCountMax else {
            throw input.damage("stream has more than \(StreamLimits.elementCountMax) elements")
        }
    }

    /// Adds framing bytes, to the previous element if that is framing that they directly follow.
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
    ///   - head: The section's header.
    ///   - range: The section's range in the kept bytes; empty if its pages are staged.
    ///   - input: The stream, for error messages.
    ///   - place: The section's offset in the stream, in bytes.
    /// - Throws: `.inputDamaged` if the RAM has already ended, or the section starts twice.
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
        firstDeviceAfterRAM = nil
    }

    /// Adds a device's section, to the previous element if that belongs to the same device.
    ///
    /// - Parameters:
    ///   - head: The section's header.
    ///   - range: The section's range in the kept bytes.
    ///   - stateByteCount: The length of the device's own state, which follows the header.
    ///   - input: The stream, for error messages.
    ///   - place: The section's offset in the stream, in bytes.
    /// - Throws: `.inputDamaged` if the section starts twice.
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
        if head.type == .full, firstDeviceAfterRAM == nil { firstDeviceAfterRAM = list.count }
        var element = StreamElement(.device, head)
        element.range = range
        element.state = state
        list.append(element)
    }

    /// Adds one element with all devices, which cannot be separated, and the stream's end.
    mutating func addAllDevices(_ range: Range<Int>) {
        endRAM(at: range.lowerBound)
        var element = StreamElement(kind: .device)
        element.name = Self.allDevices
        element.range = range
        element.state = 0..<range.count
        list.append(element)
    }

    /// Adds the end mark and the description.
    mutating func addEnd(_ range: Range<Int>) {
        endRAM(at: range.lowerBound)
        addFraming(range)
    }

    /// Adds the end of the RAM in a background snapshot, whose RAM has no last section.
    ///
    /// The RAM ends before the first device that follows it.
    private mutating func endRAM(at offset: Int) {
        guard !keepsRAM, !hasRAMEnd, let ramID else { return }
        hasRAMEnd = true
        let index = firstDeviceAfterRAM ?? list.count
        let place = index < list.count ? list[index].range.lowerBound : offset
        var element = StreamElement(kind: .ram)
        element.sectionID = ramID
        element.range = place..<place
        list.insert(element, at: index)
    }

    private mutating func begin(
        _ head: SectionHead, _ input: borrowing StreamInput, at place: Int
    ) throws(SnapError) {
        guard started.updateValue(head, forKey: head.sectionID) == nil else {
            throw input.damage("section \(head.sectionID) starts twice", at: place)
        }
    }
}
