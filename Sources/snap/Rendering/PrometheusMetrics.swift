import GuestMemory
import SnapEngine
import SnapSystem

/// The condition of a store as metrics in Prometheus' text format, version 0.0.4.
struct PrometheusMetrics {
    /// The metrics: lines, each ending with a newline.
    private(set) var text = ""

    /// Creates the metrics of a store.
    init(_ status: StoreStatus) {
        let guests = status.guests
        add("newest_checkpoint_timestamp_seconds", "Time of the newest checkpoint.", of: guests) {
            $0.newest?.createdAt.secondsSinceEpoch
        }
        add("newest_checkpoint_number", "Number of the guest's newest checkpoint.", of: guests) {
            $0.newest?.number
        }
        add("newest_checkpoint_stored_bytes", "Bytes that the newest checkpoint added.", of: guests)
        {
            $0.newest?.storedByteCount
        }
        add("memory_bytes", "Size of the guest's RAM at its newest checkpoint.", of: guests) {
            $0.newest?.memoryByteCount
        }
        add("checkpoints", "Number of the guest's checkpoints.", of: guests) { $0.checkpointCount }
        add("disk_bytes", "Disk use of the guest's files.", of: guests) { $0.diskByteCount }
        add("unneeded_bytes", "Bytes that the last deletion found unneeded and left.", of: guests) {
            $0.reclamation?.unneededByteCount
        }
        add("oldest_verification_timestamp_seconds", "Time of the oldest verification.", of: guests)
        {
            $0.oldestVerification?.secondsSinceEpoch
        }
        add("unverified_files", "Number of files that were never verified.", of: guests) {
            $0.unverifiedFileCount
        }
        add("damaged_parts", "Number of damaged parts that are recorded.", of: guests) {
            $0.damage.count
        }
        add("damaged_checkpoints", "Number of checkpoints that are damaged.", of: guests) {
            $0.damagedCheckpoints.count
        }
        add("store_disk_bytes", "Disk use of the store.", value: status.diskByteCount)
        add("store_free_bytes", "Free bytes of the file system.", value: status.freeByteCount)
        add(
            "store_file_system_bytes", "Size of the file system.", value: status.fileSystemByteCount
        )
        add(
            "status_timestamp_seconds", "Time of these metrics.",
            value: status.time.secondsSinceEpoch)
    }

    /// Adds a metric with one sample per guest; a guest without a value has none.
    ///
    /// Guest names contain no character that would have to be escaped.
    private mutating func add(
        _ name: String, _ help: String, of guests: [StoreStatus.Guest],
        value: (StoreStatus.Guest) -> Int?
    ) {
        addHead("guest_\(name)", help)
        for guest in guests {
            guard let value = value(guest) else { continue }
            text += "snap_guest_\(name){guest=\"\(guest.name)\"} \(value)\n"
        }
    }

    private mutating func add(_ name: String, _ help: String, value: Int) {
        addHead(name, help)
        text += "snap_\(name) \(value)\n"
    }

    private mutating func addHead(_ name: String, _ help: String) {
        text += "# HELP snap_\(name) \(help)\n# TYPE snap_\(name) gauge\n"
    }
}
