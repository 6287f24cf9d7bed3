package import GuestMemory

/// Everything that the index keeps of a checkpoint.
package struct IndexedCheckpoint: Sendable, Equatable {
    /// What `list` tells.
    package var checkpoint: Checkpoint
    /// Its RAM blocks, in order.
    package var ramBlocks: [RAMBlock]
    /// Its device sections, in order.
    package var deviceSections: [DeviceSection]
    /// The numbers of the files that its pages may lie in, ascending.
    package var references: [Int]
    /// Its savevm file.
    package var file: IndexedFile

    /// Describes a checkpoint; the parameters are the properties.
    package init(
        checkpoint: Checkpoint, ramBlocks: [RAMBlock], deviceSections: [DeviceSection],
        references: [Int], file: IndexedFile
    ) {
        self.checkpoint = checkpoint
        self.ramBlocks = ramBlocks
        self.deviceSections = deviceSections
        self.references = references
        self.file = file
    }

    /// The references as runs of consecutive numbers.
    var referenceRuns: [ClosedRange<Int>] {
        var runs: [ClosedRange<Int>] = []
        for number in references {
            if let last = runs.last, last.upperBound + 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs
    }
}

/// A savevm file, live or retired.
package struct IndexedFile: Sendable, Equatable {
    /// How often it has been rewritten.
    package var generation: Int
    /// Its length in bytes.
    package var byteCount: Int

    /// Describes a file; the parameters are the properties.
    package init(generation: Int, byteCount: Int) {
        self.generation = generation
        self.byteCount = byteCount
    }
}
