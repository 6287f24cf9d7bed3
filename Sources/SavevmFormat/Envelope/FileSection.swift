/// A section of a file, identified by its index in the trailer's list.
package struct FileSection: Sendable, Equatable {
    /// The section's index in the trailer's list.
    let index: Int
    /// The section's name, for messages.
    let name: String

    // The sections of a savevm file, in the order of savevm(5), "Trailer".
    static let groupIndex = FileSection(index: 0, name: "group index")
    static let blockTable = FileSection(index: 1, name: "block table")
    static let references = FileSection(index: 2, name: "references")
    static let description = FileSection(index: 3, name: "description")
    // The only section of a device-state file.
    static let sectionTable = FileSection(index: 0, name: "section table")
}
