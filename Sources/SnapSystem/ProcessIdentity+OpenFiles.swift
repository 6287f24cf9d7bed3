import Glibc
package import SystemPackage

// What another process has open, as /proc shows it.
extension ProcessIdentity {
    /// Checks that processes can be looked at.
    ///
    /// - Parameter calls: The system calls.
    /// - Throws: `.permission` where no /proc is mounted.
    package static func checkVisibility(_ calls: SystemCalls) throws(SnapError) {
        guard try FileStatus(of: "/proc/self", calls) == nil else { return }
        throw SnapError(
            .permission, "is not mounted: nothing shows which files QEMU has open",
            path: "/proc")
    }

    /// The directory in which its relative paths begin; nil if it cannot be seen.
    package var workingDirectory: FilePath? {
        number > 0 ? FilePath("/proc/\(number)/cwd") : nil
    }

    /// The descriptors by which the process has files open for reading.
    ///
    /// - Parameters:
    ///   - files: The files.
    ///   - calls: The system calls.
    /// - Returns: For each file that is open, what `File(reopening:)` takes; nil if the process's
    ///   descriptors cannot be seen from here: for want of permission (ptrace(2)), or because it
    ///   is in another PID namespace.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func descriptors(
        of files: Set<FileIdentity>, _ calls: SystemCalls
    ) throws(SnapError) -> [FileIdentity: FilePath]? {
        guard number > 0 else { return nil }
        let directory = Directory(FilePath("/proc/\(number)/fd"), calls)
        let names: [String]
        do throws(SnapError) { names = try directory.names() } catch {
            switch error.code {
            case .permission: return nil
            // It has ended.
            case .notFound: return [:]
            default: throw error
            }
        }
        var found: [FileIdentity: FilePath] = [:]
        for name in names {
            try Interruption.check()
            // The link's own mode is the descriptor's (proc_pid_fd(5)): one that is open for
            // writing only, or only as a place (O_PATH), gives its process nothing to read.
            guard let link = try? directory.status(of: name), link.permissions & S_IRUSR != 0,
                let file = try? FileStatus(of: directory.file(name), calls)?.identity,
                files.contains(file)
            else { continue }
            found[file] = directory.file(name)
        }
        return found
    }

    /// Whether a process whose program is one of QEMU's, and root's own, has a file open or mapped.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - calls: The system calls.
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
