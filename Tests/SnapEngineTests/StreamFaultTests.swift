import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Failing system calls, with a QEMU stream")
struct StreamFaultTests {
    /// A store with a checkpoint of a stream, and the next stream.
    private struct Fixture {
        let store: TestStore
        let first = SmallStream.compressed.made()
        let next = SmallStream.xbzrle.made()
        let file: FilePath

        /// - Parameter bytes: The file that contains the next stream; nil for the stream itself.
        init(_ bytes: [UInt8]? = nil) throws {
            store = try TestStore()
            try store.save(at: try store.scratch.write(first.bytes, to: "first"))
            file = try store.scratch.write(bytes ?? next.bytes, to: "next")
        }

        func check(_ number: Int, _ made: GeneratedStream, _ what: String) throws {
            for (name, image) in made.ram {
                let output = try store.restore(number) { $0.form = .block(name) }
                #expect(try image.equals(output), "\(what): \(number), \(name)")
                try removeFile(output)
            }
            let state = store.scratch.file("state")
            try removeFile(store.restore(number) { $0.deviceState = state })
            #expect(try bytes(of: state) == made.bytesWithoutRAM, "\(what): \(number)")
            try removeFile(state)
        }
    }

    @Test(
        "a failed save loses nothing, and a retry succeeds", .slow,
        arguments: FaultPlan.Fault.sampled)
    func save(fault: FaultPlan.Fault) throws {
        try save(nil, fault, "save of a stream", stride: 1)
    }

    @Test(
        "a failed save of a save file of libvirt loses nothing, and a retry succeeds", .slow,
        .needs("gzip", "xz"), arguments: [.gzip, .xz] as [GeneratedSaveFile.Compression],
        FaultPlan.Fault.sampled)
    func save(compression: GeneratedSaveFile.Compression, fault: FaultPlan.Fault) throws {
        let file = try GeneratedSaveFile(SmallStream.xbzrle.made().bytes, compression)
        try save(
            file.bytes, fault, "save of a \(compression) file of libvirt",
            stride: FaultPlan.Fault.isComplete ? 1 : 7)
    }

    private func save(
        _ bytes: [UInt8]?, _ fault: FaultPlan.Fault, _ name: String, stride: Int
    ) throws {
        try FaultPlan.sweep(fault, past: 80, of: name, stride: stride) { plan, what in
            let fixture = try Fixture(bytes)
            var store = fixture.store
            store.calls = SystemCalls(faults: plan)
            let failure = try fault.failure(of: what) {
                try store.save(at: fixture.file, in: .testing(store.calls, warn: { _ in }))
            }
            let committed = try store.isCommitted(
                2, what, after: failure, wasKilled: fault == .stop)
            try fixture.check(1, fixture.first, what)
            let again = try fixture.store.save(at: fixture.file)
            #expect(again.number == (committed ? 3 : 2), "\(what)")
            try fixture.check(again.number, fixture.next, what)
            if committed { try fixture.check(2, fixture.next, what) }
            // No scratch file remains in the directory.
            let files = try names(in: store.guestPath).filter { !$0.hasSuffix(".lock") }
            #expect(files.count == 2 * again.number, "\(what): \(files)")
        }
    }

    @Test(
        "a failed restore leaves no output, and a retry succeeds",
        arguments: FaultPlan.Fault.sampled)
    func restore(fault: FaultPlan.Fault) throws {
        let fixture = try Fixture()
        try fixture.store.save(at: fixture.file)
        let expected = try bytes(of: fixture.store.restore(2) { $0.form = .stream })
        try FaultPlan.sweep(fault, past: 40, of: "restore as a stream") { plan, what in
            let output = fixture.store.scratch.file("output")
            var restore = Restore(.number(fixture.store.guest, 2), to: .file(output))
            restore.form = .stream
            restore.isSynchronized = true
            let failure = try fault.failure(of: what) {
                _ = try restore.run(in: fixture.store.path, .testing(SystemCalls(faults: plan)))
            }
            if exists(output) {
                #expect(try bytes(of: output) == expected, "\(what)")
                try removeFile(output)
            } else {
                #expect(failure != nil, "\(what)")
            }
        }
        try fixture.check(2, fixture.next, "\(fault)")
    }
}
