import SnapSystem
import SystemPackage

extension FileLock {
    /// Takes a shared lock on a file that is made if need be; none in a store that this process
    /// may only read and in which the file has not been made.
    static func sharedIfPossible(
        _ path: FilePath, timeout: Duration, _ calls: SystemCalls
    ) throws(SnapError) -> FileLock? {
        let made: File
        do {
            made = try File(makingIfAbsent: path, calls)
        } catch let error where error.code == .permission {
            do {
                return try FileLock(
                    .shared, try File(reading: path, calls), timeout: timeout)
            } catch let error where error.code == .notFound { return nil }
        } catch let error where error.code == .notFound {
            return nil
        }
        return try FileLock(.shared, made, timeout: timeout)
    }
}
