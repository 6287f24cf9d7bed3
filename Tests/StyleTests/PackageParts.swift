import Foundation

/// The targets of the package, as Package.swift and CONTRIBUTING list them.
struct PackageParts {
    /// A target and the other targets that it may import.
    struct Part: Equatable {
        let name: String
        let imports: Set<String>
    }

    /// The targets in Sources as Package.swift lists them: imported targets come first.
    let inPackage: [Part]
    /// The targets as CONTRIBUTING's table lists them: imported targets come last.
    let inTable: [Part]

    init() throws {
        let package = try SourceFile.text(of: "Package.swift")
        let system = package.matches(of: /\.systemLibrary\(\s*name: "(\w+)"/)
            .map { Part(name: String($0.1), imports: []) }
        // External packages, tests and the fuzzer are not parts.
        let blocks = package.components(separatedBy: "\n        .").dropFirst()
        let own = blocks.compactMap { block -> Part? in
            guard block.hasPrefix("target(") || block.hasPrefix("executableTarget("),
                !block.contains("path:"),
                let name = block.firstMatch(of: /name: "(\w+)"/),
                let list = block.firstMatch(of: /(?s)dependencies: \[(.*?)\],\s*(?:swift|res)/)
            else { return nil }
            let plain = list.1.replacing(/\.product\([^)]*\)/, with: "")
            return Part(
                name: String(name.1),
                imports: Set(plain.matches(of: /"(\w+)"/).map { String($0.1) }))
        }
        let isBelow = Set((system + own).map(\.name))
        inPackage =
            system
            + own.map { Part(name: $0.name, imports: $0.imports.intersection(isBelow)) }
        inTable = try SourceFile.text(of: "CONTRIBUTING.md").components(separatedBy: "\n")
            .compactMap { line in
                let cells = line.components(separatedBy: "|").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                guard cells.count == 5, cells[1].hasPrefix("`"), !cells[1].contains(" ") else {
                    return nil
                }
                return Part(
                    name: cells[1].trimmingCharacters(in: ["`"]),
                    imports: Set(
                        cells[3].components(separatedBy: ", ").filter { !$0.isEmpty }))
            }
    }
}
