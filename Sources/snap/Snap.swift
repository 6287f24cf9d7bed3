// snap
//
// The command-line tool. It parses arguments (CommandLine, Commands), runs an operation of
// SnapEngine, and prints the result (Rendering and Report, through Console). It cannot import
// CheckpointStore, so this target never accesses a store directly. The process starts in
// EntryPoint.swift, which calls `Command.run`. Start reading here, then read a command and the type
// that renders its result.

import ArgumentParser
import Foundation
import SnapSystem

/// The root of the command line.
struct Snap: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snap",
        abstract:
            "Save, list and restore checkpoints of the memory of virtual machines.",
        discussion: """
            A guest must not run while its memory file is saved; --qmp pauses and resumes it.

            EXAMPLES
              snap save --qmp /run/web1.qmp --guest web1
              snap save /dev/shm/web1.mem --guest web1 --device-state web1.vmstate
              snap list
              snap diff web1:6 web1:7
              snap verify
              snap status
              snap restore web1@latest web1.mem

            REF names a checkpoint: GUEST or GUEST@latest (the newest), GUEST@latest~2 (two \
            before it), GUEST:NUMBER, GUEST@2026-11-20T10:00[:00][Z] (the newest at or before \
            that time), or the first digits of its id, at least 4.

            EXIT STATUS
              0    done
              1    the store is damaged
              2    the newest checkpoint of a guest is older than status --max-age
              3    the checkpoint is saved, but old ones could not be deleted
              4    some of several guests were not saved
              64   the command line is wrong or ambiguous, or snap refuses it
              65   the input is damaged, too long or ambiguous
              66   the input, guest or checkpoint does not exist
              70   internal error
              73   the output exists or cannot be created
              74   I/O error, such as a full disk, or QEMU refused a command
              75   the store or the QMP socket is in use, or the guest cannot be saved now
              76   the version or format is not supported
              77   permission denied
              78   the image, bitmap or output has the wrong length or is not usable
              130  interrupted
            """,
        version: "0.1.0",
        subcommands: [
            SaveCommand.self, ListCommand.self, ShowCommand.self, RestoreCommand.self,
            DiffCommand.self, MapCommand.self, VerifyCommand.self, StatusCommand.self,
            DeleteCommand.self, PruneCommand.self, ReindexCommand.self, ReportCommand.self,
        ])
}
