/// The time limits of a stream that arrives through a pipe or socket.
package struct StreamArrival: Sendable {
    /// When the complete stream must have arrived; nil for no limit.
    package var deadline: ContinuousClock.Instant?
    /// How long the reader waits for the next bytes; nil for no limit.
    package var silenceMax: Duration?
    /// Called whenever bytes have arrived.
    package var report: @Sendable () -> Void = {}

    /// Creates limits without effect.
    package init() {}

    /// The time until which the next bytes must arrive; nil for no limit.
    var nextDeadline: ContinuousClock.Instant? {
        guard let silenceMax else { return deadline }
        let end = ContinuousClock.now + silenceMax
        return deadline.map { min($0, end) } ?? end
    }
}
