import Foundation
import SystemPackage

extension GeneratedImage {
    /// Writes the image as a sparse file: only its pages that are not zero are data.
    ///
    /// - Parameters:
    ///   - path: The file's path; an existing file is replaced.
    ///   - explicitZeros: The numbers of zero pages that are written as data.
    package func write(to path: FilePath, explicitZeros: [Int] = []) throws {
        try? FileManager.default.removeItem(atPath: path.string)
        let file = try FileDescriptor.open(
            path, .readWrite, options: [.create], permissions: [.ownerReadWrite])
        try file.closeAfter {
            try file.resize(to: Int64(pageCount * 4096))
            for page in explicitZeros where pages[page] == nil {
                _ = try file.writeAll(
                    toAbsoluteOffset: Int64(page * 4096), [UInt8](repeating: 0, count: 4096))
            }
            for (page, content) in pages {
                _ = try file.writeAll(toAbsoluteOffset: Int64(page * 4096), content)
            }
        }
    }

    /// Whether a file contains exactly this image.
    ///
    /// - Parameter path: The file's path.
    /// - Returns: Whether the file has the image's length and content.
    package func equals(_ path: FilePath) throws -> Bool {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            guard try file.seek(offset: 0, from: .end) == Int64(pageCount * 4096) else {
                return false
            }
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            var offset = 0
            while offset < pageCount * 4096 {
                let count = try buffer.withUnsafeMutableBytes {
                    try file.read(fromAbsoluteOffset: Int64(offset), into: $0)
                }
                guard count > 0, count % 4096 == 0 else { return false }
                for page in 0..<count / 4096 {
                    let found = buffer[page * 4096..<(page + 1) * 4096]
                    let isEqual =
                        pages[offset / 4096 + page].map { found.elementsEqual($0) }
                        ?? found.allSatisfy { $0 == 0 }
                    if !isEqual { return false }
                }
                offset += count
            }
            return true
        }
    }
}
