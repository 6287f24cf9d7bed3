import Glibc
package import SystemPackage

// The files that another process has open, as /proc shows them.
extension ProcessIdentity {
    /// Checks that /proc is mounted, so that snap can inspect other processes.
    ///
    /// - Parameter calls: The system calls.
    /// - Throws: `.permission` if /proc is not mounted; `.inputOutput`.
    package static func checkVisibility(_ calls: SystemCalls) throws(SnapError) {
        guard try FileStatus(of: "/proc/self", calls) == nil else { return }
        throw SnapError(
            .permission, "is not mounted, so snap cannot find the files that QEMU has open",
            path: "/proc")
    }

    /// The process's working directory, as a path in /proc; nil if the process is not visible.
    package var workingDirectory: FilePath? {
        number > 0 ? FilePath("/proc/\(number)/cwd") : nil
    }

    /// The path of the process's working directory; nil if it cannot be read.
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: The path, in the mount namespace of the process.
    package func workingDirectoryPath(_ calls: SystemCalls) -> FilePath? {
        guard number > 0 else { return nil }
        let process = Directory(FilePath("/proc/\(number)"), calls)
        guard let path = try? process.target(ofLink: "cwd") else { return nil }
        return FilePath(path)
    }

    /// Finds the descriptors with which the process has files open for reading.
    ///
    /// - Parameters:
    ///   - files: The files to look for.
    ///   - calls: The system calls.
    /// - Returns: For each file that the process has open, the descriptor's path in /proc, which
    ///   `File(reopening:)` takes. nil if the process's descriptors are not visible, because
    ///   permission is missing (ptrace(2)) or the process is in another PID namespace.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func descriptors(
        of files: Set<FileIdentity>, _ calls: SystemCalls
    ) throws(SnapError) -> [FileIdentity: FilePath]? {
        guard let all = try readableDescriptors(calls) else { return nil }
        let found = all.filter { files.contains($0.status.identity) }
        return Dictionary(found.map { ($0.status.identity, $0.path) }) { first, _ in first }
    }

    /// Finds the descriptors with which the process has memfds open for reading (memfd_create(2)).
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: One descriptor per memfd, and the memfd's status; nil if the descriptors are not
    ///   visible.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func memfds(
        _ calls: SystemCalls
    ) throws(SnapError) -> [(path: FilePath, status: FileStatus)]? {
        guard let all = try readableDescriptors(calls) else { return nil }
        var seen: Set<FileIdentity> = []
        return all.filter { descriptor in
            descriptor.target.hasPrefix("/memfd:")
                && seen.insert(descriptor.status.identity).inserted
        }.map { ($0.path, $0.status) }
    }

    /// Lists the descriptors that are open for reading; returns nil if they are not visible.
    private func readableDescriptors(
        _ calls: SystemCalls
    ) throws(SnapError) -> [(path: FilePath, target: String, status: FileStatus)]? {
        guard number > 0 else { return nil }
        let directory = Directory(FilePath("/proc/\(number)/fd"), calls)
        let names: [String]
        do throws(SnapError) { names = try directory.names() } catch {
            switch error.code {
            case .permission: return nil
            // The process has ended, so it has no file open.
            case .notFound: return []
            default: throw error
            }
        }
        var found: [(path: FilePath, target: String, status: FileStatus)] = []
        for name in names {
            try Interruption.check()
            // The link's own mode is the descriptor's (proc_pid_fd(5)). A process cannot read from
            // a descriptor that is open for writing only, or only as a path (O_PATH).
            guard let link = try? directory.status(of: name), link.permissions & S_IRUSR != 0,
                let status = try? FileStatus(of: directory.file(name), calls),
                let target = try? directory.target(ofLink: name)
            else { continue }
            found.append((directory.file(name), target, status))
        }
        return found
    }

    /// Checks whether a QEMU process has a file open or mapped.
    ///
    /// A process counts as QEMU if the name of its program contains `qemu`, and the program belongs
    /// to root and cannot be written by any other user.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - calls: The system calls.
    /// - Returns: false also if this process cannot see the open files of any QEMU process.
    static func isOpenInQEMU(_ file: FileIdentity, _ calls: SystemCalls) -> Bool {
        let names = (try? Directory("/proc", calls).names()) ?? []
        return names.contains { name in
            guard let number = Int(name), isQEMU(number, calls) else { return false }
            return ["fd", "map_files"].contains { kind in
                let directory = Directory(FilePath("/proc/\(number)/\(kind)"), calls)
                return ((try? directory.names()) ?? []).contains { link in
                    (try? FileStatus(of: directory.file(link), calls))?.identity == file
                }
            }
        }
    }

    private static func isQEMU(_ number: Int, _ calls: SystemCalls) -> Bool {
        let process = Directory(FilePath("/proc/\(number)"), calls)
        guard let program = try? process.target(ofLink: "exe"),
            let name = FilePath(program).lastComponent?.string, name.contains("qemu"),
            let status = try? FileStatus(of: process.file("exe"), calls)
        else { return false }
        return status.userID == 0 && status.permissions & 0o022 == 0
    }
}
