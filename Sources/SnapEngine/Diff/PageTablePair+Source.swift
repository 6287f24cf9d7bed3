import SavevmFormat
import WorkPipeline

extension PageTablePair: WorkSource {}
