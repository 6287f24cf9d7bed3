import Foundation
import SnapSystem
import SystemPackage
import TestSupport
import Testing

extension FaultPlan {
    /// Runs an operation again and again, each time with a fault at a later system call, until it
    /// ends before the fault.
    ///
    /// - Parameters:
    ///   - fault: The fault.
    ///   - count: The number of calls that the operation must exceed.
    ///   - name: The operation's name in the table of faults.
    ///   - first: The index of the first call that fails.
    ///   - stride: The number of calls between one that fails and the next one that does.
    ///   - work: Runs the operation with a plan. The text names the fault and the call.
    static func sweep(
        _ fault: Fault, past count: Int, of name: String, from first: Int = 0, stride: Int = 1,
        _ work: (FaultPlan, String) throws -> Void
    ) rethrows {
        var call = first
        var failedCount = 0
        while true {
            let plan = FaultPlan(at: call, fault)
            try work(plan, "\(name), \(fault.name) at call \(call)")
            if plan.callCount <= call { break }
            failedCount += 1
            call += stride
        }
        #expect(call > count, "the sweep covered \(call) calls")
        Self.note(failedCount, as: fault.name, name)
    }

    /// Appends a count to a table in the folder that SNAP_COUNTS names, if it is set.
    ///
    /// `make soak` adds up the counts.
    ///
    /// - Parameters:
    ///   - count: The number of tries.
    ///   - column: The table's column: a fault, or the result of a try.
    ///   - name: The table's row: an operation or a kind of damage.
    ///   - table: The table's file name.
    static func note(
        _ count: Int, as column: String, _ name: String, in table: String = "sweep"
    ) {
        guard let folder = ProcessInfo.processInfo.environment["SNAP_COUNTS"] else { return }
        let line = Array("\(name)\t\(column)\t\(count)\n".utf8)
        // One write in append mode, because other tests append to the file at the same time.
        if let file = try? FileDescriptor.open(
            FilePath(folder).appending(table), .writeOnly, options: [.append, .create],
            permissions: .ownerReadWrite)
        {
            _ = try? file.closeAfter { try file.writeAll(line) }
        }
    }
}

extension FaultPlan.Fault {
    /// All kinds of faults; `sampled` contains those that this run tries.
    static let all: [FaultPlan.Fault] = [
        .fail(.ioError), .fail(.noSpace), .fail(.diskQuotaExceeded), .fail(.permissionDenied),
        .fail(.readOnlyFileSystem), .fail(.tooManyOpenFiles), .fail(.tooManyOpenFilesInSystem),
        .fail(.noMemory), .fail(.interrupted), .short, .stop,
    ]

    /// Whether this run tries all kinds of faults at every call: SNAP_SWEEP is set.
    static let isComplete = ProcessInfo.processInfo.environment["SNAP_SWEEP"] != nil

    /// One of each class of faults that snap treats alike; all faults if SNAP_SWEEP is set.
    static let sampled: [FaultPlan.Fault] =
        isComplete
        ? all : [.fail(.ioError), .fail(.permissionDenied), .fail(.interrupted), .short, .stop]

    /// The fault's name in tables.
    var name: String {
        switch self {
        case .fail(let errno):
            switch errno {
            case .ioError: "EIO"
            case .noSpace: "ENOSPC"
            case .diskQuotaExceeded: "EDQUOT"
            case .permissionDenied: "EACCES"
            case .readOnlyFileSystem: "EROFS"
            case .tooManyOpenFiles: "EMFILE"
            case .tooManyOpenFilesInSystem: "ENFILE"
            case .noMemory: "ENOMEM"
            case .interrupted: "EINTR"
            default: "\(errno)"
            }
        case .short: "short"
        case .stop: "stop"
        }
    }

    /// Whether a command must succeed in spite of the fault.
    var isHarmless: Bool { self == .short || self == .fail(.interrupted) }

    /// The error codes with which a command may fail.
    var codes: Set<SnapError.Code> {
        switch self {
        case .fail(.permissionDenied), .fail(.readOnlyFileSystem): [.permission]
        case .short, .fail(.interrupted): []
        case .fail, .stop: [.inputOutput]
        }
    }

    /// Runs an operation, and expects that it succeeds if the fault is harmless.
    ///
    /// - Parameters:
    ///   - what: The operation and the fault, for a failure's message.
    ///   - work: Runs the operation.
    /// - Returns: The operation's error; nil if it succeeded.
    func failure(of what: String, _ work: () throws -> Void) throws -> SnapError? {
        do {
            try work()
            return nil
        } catch let error as SnapError {
            #expect(!isHarmless, "\(what): \(error)")
            return error
        }
    }
}

extension TestStore {
    /// Whether a checkpoint exists after a save that may have failed.
    ///
    /// Expects that it does if the save succeeded. If it does not and the process was not killed,
    /// expects that no file of the checkpoint remains.
    func isCommitted(
        _ number: Int, _ what: String, after failure: SnapError?, wasKilled: Bool
    ) throws -> Bool {
        let name = "000000000\(number)"
        let isCommitted = exists(guestPath.appending("\(name).savevm"))
        if failure == nil { #expect(isCommitted, "\(what)") }
        if !wasKilled && !isCommitted {
            let left = try names(in: guestPath).filter { $0.hasPrefix(name) }
            #expect(left.isEmpty, "\(what): \(left)")
        }
        return isCommitted
    }
}
