/// libvirt's description of a guest, which it needs to restore the guest.
package struct DomainDescription: Sendable, Equatable {
    /// The domain's XML.
    package let xml: [UInt8]
    /// XML that only libvirt reads; empty without it.
    package var cookie: [UInt8] = []
    /// Whether the domain was running when it was saved.
    package let wasRunning: Bool

    /// Creates a description; the parameters are the properties of these names.
    package init(xml: [UInt8], cookie: [UInt8] = [], wasRunning: Bool) {
        self.xml = xml
        self.cookie = cookie
        self.wasRunning = wasRunning
    }
}
