import GuestMemory
import SnapSystem

extension Checkpoint {
    /// Writes the fields of the checkpoint's JSON object, in the order of snap(1).
    ///
    /// - Parameter json: An open object.
    func writeFields(_ json: inout JSONWriter) {
        json.field("guest", guest.description)
        json.field("number", number)
        json.field("id", id.hex)
        json.field("kind", kind)
        json.field("parent", parentNumber)
        json.field("createdAt", createdAt.rfc3339)
        json.field("label", label)
        json.field("memoryByteCount", memoryByteCount)
        json.key("pages")
        json.object { json in
            json.field("total", pages.total)
            json.field("zero", pages.zero)
            json.field("unchanged", pages.unchanged)
            json.field("literal", pages.literal)
            json.field("delta", pages.delta)
            json.field("duplicate", pages.duplicate)
            json.field("becameZero", pages.becameZero)
            json.field("moved", pages.moved)
        }
        json.field("storedByteCount", storedByteCount)
        json.field("deviceSectionCount", deviceSectionCount)
        json.field("deviceStateByteCount", deviceStateByteCount)
    }
}
