// snap
//
// The command: it reads arguments (CommandLine, Commands), lets SnapEngine do the work, and shows
// what came of it (Rendering, Report, through Console). It cannot import CheckpointStore, so that
// nothing here touches a store. The process begins in
// EntryPoint.swift, and `Command.run` parses. Start here, then read a command and what it shows.

import ArgumentParser
import Foundation
import SnapSystem

/// The root of the command line.
struct Snap: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snap",
        abstract:
            "Keeps the memory of virtual machines: compact checkpoints, restored byte for byte.",
        discussion: """
            A guest must be paused while its memory image is saved; --qmp sees to that itself.

            EXAMPLES
              snap save --qmp /run/web1.qmp --guest web1
              snap save /dev/shm/web1.mem --guest web1 --device-state web1.vmstate
              snap list
              snap diff web1:6 web1:7
              snap verify
              snap restore web1@latest /dev/shm/web1.mem

            A checkpoint (REF) is GUEST, GUEST:NUMBER, GUEST@latest, GUEST@latest~2,
            GUEST@2026-11-20T10:00[:00][Z], or the beginning of its id.

            EXIT STATUS
              0    done
              1    the store is damaged
              64   usage
              65   the input is damaged
              66   input, guest or checkpoint not found
              70   internal error
              73   output exists or can't be made
              74   I/O error, no space included; QEMU refuses
              75   locked by another snap, or the QMP socket is in use
              76   unsupported version or format
              77   permission
              78   the image does not fit: its length, or its bitmap's
              130  interrupted
            """,
        version: "0.1.0",
        subcommands: [
            SaveCommand.self, ListCommand.self, ShowCommand.self, RestoreCommand.self,
            DiffCommand.self, MapCommand.self, VerifyCommand.self, DeleteCommand.self,
            ReindexCommand.self, ReportCommand.self,
        ])
}
