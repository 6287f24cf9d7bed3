import Foundation
import SnapSystem
import SystemPackage
import TestSupport
import Testing

extension FaultPlan {
    /// Does a piece of work again and again, each time with one more call before the one that
    /// fails, until none does.
    ///
    /// - Parameters:
    ///   - fault: How a call fails.
    ///   - count: How many calls the work has at least.
    ///   - name: What the work is called where the faults are counted.
    ///   - first: The first call that fails.
    ///   - stride: How many calls further on the next one is.
    ///   - work: Does it with a plan; the text says which call fails.
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

    /// Appends how often something was tried to a table in the folder that SNAP_COUNTS names:
    /// `make soak` sums it up.
    ///
    /// - Parameters:
    ///   - count: How often.
    ///   - column: What it was, or what came of it.
    ///   - name: With what it was tried.
    ///   - table: The table.
    static func note(
        _ count: Int, as column: String, _ name: String, in table: String = "sweep"
    ) {
        guard let folder = ProcessInfo.processInfo.environment["SNAP_COUNTS"] else { return }
        let line = Array("\(name)\t\(column)\t\(count)\n".utf8)
        // One write to a file that is open to append: tests that run beside this one do the same.
        if let file = try? FileDescriptor.open(
            FilePath(folder).appending(table), .writeOnly, options: [.append, .create],
            permissions: .ownerReadWrite)
        {
            _ = try? file.closeAfter { try file.writeAll(line) }
        }
    }
}

extension FaultPlan.Fault {
    /// All kinds; which of them a run of the tests takes is `sampled`.
    static let all: [FaultPlan.Fault] = [
        .fail(.ioError), .fail(.noSpace), .fail(.diskQuotaExceeded), .fail(.permissionDenied),
        .fail(.readOnlyFileSystem), .fail(.tooManyOpenFiles), .fail(.tooManyOpenFilesInSystem),
        .fail(.noMemory), .fail(.interrupted), .short, .stop,
    ]

    /// Whether all kinds are tried, at every call.
    static let isComplete = ProcessInfo.processInfo.environment["SNAP_SWEEP"] != nil

    /// One of each class that snap treats alike; all of them where SNAP_SWEEP is set.
    static let sampled: [FaultPlan.Fault] =
        isComplete
        ? all : [.fail(.ioError), .fail(.permissionDenied), .fail(.interrupted), .short, .stop]

    /// As it is called in tables.
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

    /// Whether the command must succeed all the same.
    var isHarmless: Bool { self == .short || self == .fail(.interrupted) }

    /// What the command may say.
    var codes: Set<SnapError.Code> {
        switch self {
        case .fail(.permissionDenied), .fail(.readOnlyFileSystem): [.permission]
        case .short, .fail(.interrupted): []
        case .fail, .stop: [.inputOutput]
        }
    }

    /// Runs what may fail, and expects that it does not where the fault is harmless.
    ///
    /// - Parameters:
    ///   - what: What is run, for the record.
    ///   - work: Runs it.
    /// - Returns: How it failed; nil if it did not.
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
    /// It does after one that succeeded; one that failed, and was not killed, leaves no file.
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
