import Glibc

/// Memory between two pages that cannot be accessed, so that an access beyond the end crashes.
///
/// Libraries in assembler have no other check.
public final class GuardedMemory {
    private let start: UnsafeMutableRawPointer
    private let byteCountMax: Int

    /// Maps memory for at most a number of bytes.
    public init(byteCountMax: Int) {
        let pageByteCount = Int(getpagesize())
        let byteCount = (byteCountMax + pageByteCount - 1) / pageByteCount * pageByteCount
        guard
            let memory = mmap(
                nil, byteCount + 2 * pageByteCount, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED,
            mprotect(memory, pageByteCount, PROT_NONE) == 0,
            mprotect(memory + pageByteCount + byteCount, pageByteCount, PROT_NONE) == 0
        else { fatalError("cannot map memory") }
        start = memory + pageByteCount
        self.byteCountMax = byteCount
    }

    deinit {
        let pageByteCount = Int(getpagesize())
        munmap(start - pageByteCount, byteCountMax + 2 * pageByteCount)
    }

    /// Returns the last bytes before the page that cannot be accessed.
    public func last(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        precondition(byteCount <= byteCountMax)
        return UnsafeMutableRawBufferPointer(
            start: start + byteCountMax - byteCount, count: byteCount)
    }
}
