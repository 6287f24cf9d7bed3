import SnapSystem
import Testing

extension FaultPlan {
    /// Does a piece of work again and again, each time with one more call before the one that
    /// fails, until none does.
    ///
    /// - Parameters:
    ///   - fault: How a call fails.
    ///   - count: How many calls the work has at least.
    ///   - work: Does it with a plan; the text says which call fails.
    static func sweep(
        _ fault: Fault, past count: Int, _ work: (FaultPlan, String) throws -> Void
    ) rethrows {
        var call = 0
        while true {
            let plan = FaultPlan(at: call, fault)
            try work(plan, "\(fault) at call \(call)")
            call += 1
            if plan.callCount < call { break }
        }
        #expect(call > count, "the sweep covered \(call) calls")
    }
}
