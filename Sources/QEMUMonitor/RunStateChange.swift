/// A time at which a guest has stopped, or has started to run again.
package struct RunStateChange: Sendable, Equatable {
    /// Whether the guest runs from this time on.
    package let isRunning: Bool
    /// The time by QEMU's clock, since 1970-01-01 00:00 UTC.
    package let time: Duration

    /// Creates a change; the parameters are the properties.
    package init(isRunning: Bool, time: Duration) {
        self.isRunning = isRunning
        self.time = time
    }
}

extension [RunStateChange] {
    /// How long the guest was stopped for the first time; nil if it has not stopped and run again.
    package var firstPause: Duration? {
        guard let stop = firstIndex(where: { !$0.isRunning }),
            let start = self[stop...].first(where: \.isRunning)
        else { return nil }
        // The clock may have been set back in the meantime.
        return Swift.max(start.time - self[stop].time, .zero)
    }
}
