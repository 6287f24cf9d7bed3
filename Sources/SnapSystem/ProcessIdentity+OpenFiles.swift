import SystemPackage

// Which files the processes of this machine have open, as far as /proc shows it (proc_pid_fd(5),
// proc_pid_map_files(5)).
extension ProcessIdentity {
    /// Whether a process whose program is one of QEMU's, and root's own, has a file open or mapped.
    ///
    /// - Parameters:
    ///   - file: What the file is.
    ///   - calls: The system calls.
    static func isOpenInQEMU(_ file: FileStatus, _ calls: SystemCalls) -> Bool {
        let names = (try? Directory("/proc", calls).names()) ?? []
        return names.contains { name in
            guard let number = Int(name), isQEMU(number, calls) else { return false }
            return ["fd", "map_files"].contains { kind in
                let directory = FilePath("/proc/\(number)/\(kind)")
                let links = (try? Directory(directory, calls).names()) ?? []
                return links.contains { link in
                    (try? FileStatus(of: directory.appending(link), calls))?.isSameFile(as: file)
                        ?? false
                }
            }
        }
    }

    private static func isQEMU(_ number: Int, _ calls: SystemCalls) -> Bool {
        let process = FilePath("/proc/\(number)")
        guard let program = try? Directory(process, calls).target(ofLink: "exe"),
            let name = FilePath(program).lastComponent?.string, name.contains("qemu"),
            let status = try? FileStatus(of: process.appending("exe"), calls)
        else { return false }
        return status.userID == 0 && status.permissions & 0o022 == 0
    }
}
