import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import TestSupport

// Device states that differ in a few bytes, so that all their files share one base.
extension TestStore {
    /// Returns the device state of a checkpoint.
    static func deviceState(_ number: Int) -> [UInt8] {
        var generator = Seeded(77)
        // Tests damage each byte of such files, so they are as short as a base can be.
        var bytes = Array(GeneratedImage.noise(&generator).prefix(200))
        bytes[number * 37 % bytes.count] ^= 0xff
        return bytes
    }

    /// Writes the device state of a checkpoint to a file, which can be saved.
    func writeDeviceState(_ number: Int) throws -> Save.DeviceState {
        Save.DeviceState(
            name: try GuestName(checking: "dev", as: "device state"),
            path: try scratch.write(Self.deviceState(number), to: "dev"))
    }

    /// Whether a checkpoint restores with its device state.
    func restoresDeviceState(_ number: Int) throws -> Bool {
        let device = scratch.file("restored.dev")
        try removeFile(
            try restore(number, in: .testing()) {
                $0.deviceState = device
                $0.isForced = true
            })
        defer { try? removeFile(device) }
        return try bytes(of: device) == Self.deviceState(number)
    }

    /// Returns the numbers of a guest's device-state files, by their kind.
    func deviceStates(
        of guest: GuestName? = nil
    ) throws -> (live: [Int], retired: [Int], bases: Set<Int>) {
        let guest = guest ?? self.guest
        let directory = Directory(scratch.guest(guest.description), .kernel)
        let files = GuestFiles(of: guest, in: directory)
        var (live, retired): ([Int], [Int]) = ([], [])
        var bases: Set<Int> = []
        for name in try names(in: directory.path).compactMap(FileName.init) {
            switch name {
            case .deviceState(let number):
                live.append(number)
                if let base = try files.deviceStateHeader(name).base {
                    bases.insert(base.checkpoint.number)
                }
            case .retiredDeviceState(let number): retired.append(number)
            case .savevm, .retired: continue
            }
        }
        return (live, retired, bases)
    }
}
