/// A section of a file, by its place in the trailer's list.
package struct FileSection: Sendable, Equatable {
    /// Which of the trailer's sections it is.
    let index: Int
    /// What it holds, for messages.
    let name: String

    // A savevm file's, in the order of savevm(5), "Trailer".
    static let groupIndex = FileSection(index: 0, name: "group index")
    static let blockTable = FileSection(index: 1, name: "block table")
    static let references = FileSection(index: 2, name: "references")
    static let description = FileSection(index: 3, name: "description")
    // A device-state file's only one.
    static let sectionTable = FileSection(index: 0, name: "section table")
}
