import CLinux
import Glibc
import SystemPackage

// Calls for pipes and sockets, with the same handling of faults and EINTR as those for files.
extension SystemCalls {
    func makePipe() throws(Errno) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        _ = try value { unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress) } }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Creates two connected sockets, in blocking mode.
    func makeSocketPair() throws(Errno) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        _ = try value {
            unsafe ends.withUnsafeMutableBufferPointer {
                unsafe socketpair(AF_UNIX, type, 0, $0.baseAddress)
            }
        }
        return (ends[0], ends[1])
    }

    func makeLocalSocket() throws(Errno) -> Int32 {
        // Non-blocking, so that the peer cannot decide how long a connection or a send takes.
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        return try value { socket(AF_UNIX, Int32(type), 0) }
    }

    /// Connects to a socket in the file system; the caller has checked the path's length.
    func connect(_ descriptor: Int32, to path: FilePath) throws(Errno) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { target in
            unsafe target.copyBytes(from: Array(path.string.utf8).prefix(target.count - 1))
        }
        _ = try value {
            unsafe withUnsafePointer(to: address) { address in
                unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    unsafe Glibc.connect(
                        descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }

    /// Reads the process at the other end of a local socket, and its user.
    func peer(of descriptor: Int32) throws(Errno) -> (process: Int, userID: UInt32) {
        var peer = snap_peer()
        var byteCount = socklen_t(MemoryLayout<snap_peer>.size)
        _ = try value {
            unsafe getsockopt(
                descriptor, SOL_SOCKET, Int32(snap_so_peercred), &peer, &byteCount)
        }
        return (Int(peer.process), peer.user)
    }

    /// Sends bytes through a local socket, and passes a descriptor with the first of them.
    func send(
        _ descriptor: Int32, _ source: RawSpan, passing passed: Int32?
    ) throws(Errno) -> Int {
        try unsafe source.withUnsafeBytes { (source) throws(Errno) in
            try transfer(source.count) { count in
                guard let passed else {
                    return unsafe Glibc.send(descriptor, source.baseAddress, count, 0)
                }
                return unsafe Self.send(descriptor, source.prefix(count), passing: passed)
            }
        }
    }

    @unsafe private static func send(
        _ descriptor: Int32, _ source: Slice<UnsafeRawBufferPointer>, passing passed: Int32
    ) -> Int {
        var control = snap_descriptor_message(
            length: UInt(MemoryLayout<snap_descriptor_message>.size - 4), level: SOL_SOCKET,
            type: Int32(SCM_RIGHTS), descriptor: passed, padding: 0)
        let bytes = unsafe UnsafeMutableRawPointer(
            mutating: UnsafeRawBufferPointer(rebasing: source).baseAddress)
        var vector = unsafe iovec(iov_base: bytes, iov_len: source.count)
        return unsafe withUnsafeMutablePointer(to: &vector) { vector in
            unsafe withUnsafeMutablePointer(to: &control) { control in
                var message = unsafe msghdr()
                unsafe message.msg_iov = vector
                unsafe message.msg_iovlen = 1
                unsafe message.msg_control = UnsafeMutableRawPointer(control)
                unsafe message.msg_controllen = MemoryLayout<snap_descriptor_message>.size
                return unsafe sendmsg(descriptor, &message, 0)
            }
        }
    }

    /// Closes a socket for writing, so that the peer reads the end of the data.
    func endWriting(_ descriptor: Int32) throws(Errno) {
        _ = try value { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Waits until data can be read.
    ///
    /// - Returns: false if there is no data within the given number of milliseconds.
    func waitToRead(_ descriptor: Int32, milliseconds: Int32) throws(Errno) -> Bool {
        try wait(descriptor, for: POLLIN, milliseconds: milliseconds)
    }

    /// Waits until data can be written.
    ///
    /// - Returns: false if there is no room within the given number of milliseconds.
    func waitToWrite(_ descriptor: Int32, milliseconds: Int32) throws(Errno) -> Bool {
        try wait(descriptor, for: POLLOUT, milliseconds: milliseconds)
    }

    private func wait(
        _ descriptor: Int32, for events: Int32, milliseconds: Int32
    ) throws(Errno) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return try value { unsafe poll(&entry, 1, milliseconds) } > 0
    }
}
