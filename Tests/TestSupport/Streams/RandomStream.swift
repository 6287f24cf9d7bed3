extension GeneratedStream {
    /// Generates a random stream of any form that QEMU can write.
    ///
    /// - Parameters:
    ///   - generator: The generator that selects the form and the content.
    ///   - hasRAM: Whether the stream contains pages. If not, it lists blocks that are not in the
    ///     stream (x-ignore-shared).
    ///   - isDescribed: Whether the stream ends with a description; nil to select it at random.
    /// - Returns: The complete stream.
    package static func random(
        _ generator: inout Seeded, hasRAM: Bool = true, isDescribed: Bool? = nil
    ) -> GeneratedStream {
        var configuration = Configuration()
        if Int.random(in: 0..<6, using: &generator) == 0 && hasRAM && isDescribed != false {
            configuration.machine = nil
        } else {
            configuration.pageBits = [nil, nil, 12, 13, 16].randomElement(using: &generator) ?? nil
            if !hasRAM { configuration.capabilities.append("x-ignore-shared") }
            if hasRAM && Int.random(in: 0..<5, using: &generator) == 0 {
                configuration.capabilities.append("mapped-ram")
            }
            if Bool.random(using: &generator) { configuration.capabilities.append("x-other") }
            if Bool.random(using: &generator) {
                configuration.uuid = GeneratedDevice.noise(16, &generator)
            }
        }
        var stream = GeneratedStream(configuration)
        // Without footers and description, a reader cannot tell where each device ends.
        let decided = !stream.hasFooters || Int.random(in: 0..<4, using: &generator) > 0
        // Only a description contains the length of a device before the RAM's end.
        let hasEarly = isDescribed == nil && decided
        stream.addRandomSections(&generator, hasRAM: hasRAM, hasEarly: hasEarly)
        let padding = [0, 0, 1, 700].randomElement(using: &generator) ?? 0
        stream.finish(isDescribed: isDescribed ?? decided, padding: padding)
        return stream
    }

    private mutating func addRandomSections(
        _ generator: inout Seeded, hasRAM: Bool, hasEarly: Bool
    ) {
        let later = { (generator: inout Seeded) in
            let count = Int.random(in: 0..<4, using: &generator)
            return GeneratedDevice.dirtyBitmap(sectionID: 9, chunkCount: count, &generator)
        }
        let early = GeneratedDevice.random("early/device", sectionID: 70, &generator)
        let place = Int.random(in: 0..<6, using: &generator)
        if hasFooters && hasEarly && place == 0 { device(early) }
        if Bool.random(using: &generator) { command(2, [0, 0, 0, 1]) }
        ramStart(randomBlocks(&generator))
        let isIterating = hasFooters && Bool.random(using: &generator)
        if isIterating { iterableStart(later(&generator)) }
        if hasFooters && hasEarly && place == 1 { device(early) }
        let partCount = Int.random(in: 0..<4, using: &generator)
        let isBackground = hasRAM && Int.random(in: 0..<4, using: &generator) == 0
        for _ in 0..<partCount {
            ramSection(isLast: false) { stream in
                if hasRAM { stream.addRandomRecords(&generator) }
            }
            if isIterating { iterablePart(later(&generator), isLast: false) }
        }
        if Bool.random(using: &generator) { command(11) }
        ramSection(isLast: !isBackground) { stream in
            if hasRAM { stream.addLastRecords(&generator) }
        }
        if isIterating { iterablePart(later(&generator), isLast: true) }
        for number in 0..<Int.random(in: 0..<5, using: &generator) {
            var made = GeneratedDevice.random(
                "device/\(number / 2)", sectionID: 20 + UInt32(number), &generator)
            made.instanceID = UInt32(number % 2)
            device(made)
        }
    }

    private func randomBlocks(
        _ generator: inout Seeded
    ) -> [(name: String, image: GeneratedImage)] {
        let names = ["pc.ram", "/rom@etc/acpi/tables", "pc.bios", "0000:00:02.0/vga.vram", "x"]
        return names.prefix(Int.random(in: 1...names.count, using: &generator)).map { name in
            // Some blocks are longer than a unit of 512 pages of 4096 bytes.
            let count = [1, 2, 3, 20, 70, 530].randomElement(using: &generator) ?? 1
            let perPage = pageByteCount / 4096
            var image = GeneratedImage(pageCount: (count + perPage - 1) / perPage * perPage)
            if isMapped { image.edit(5, &generator) }
            return (name, image)
        }
    }

    /// Writes records of all kinds; some pages get several records.
    private mutating func addRandomRecords(_ generator: inout Seeded) {
        guard !isMapped else { return }
        for _ in 0..<Int.random(in: 0..<25, using: &generator) {
            guard let name = blockNames.randomElement(using: &generator), let image = ram[name]
            else { continue }
            let pageCount = image.pageCount / (pageByteCount / 4096)
            let first = Int.random(in: 0..<pageCount, using: &generator)
            let run = Int.random(in: 1...4, using: &generator)
            for page in first..<min(pageCount, first + run) {
                let kind = PageRecord.allCases.randomElement(using: &generator) ?? .page
                record(
                    kind, name, page, randomPage(kind, name, page, &generator),
                    isNamed: Int.random(in: 0..<4, using: &generator) == 0)
            }
        }
    }

    /// Writes the records of the RAM's last section, at least one of which contains a page.
    private mutating func addLastRecords(_ generator: inout Seeded) {
        addRandomRecords(&generator)
        guard !isMapped, let name = blockNames.last else { return }
        record(.page, name, 0, randomPage(.page, name, 0, &generator))
    }

    private func randomPage(
        _ kind: PageRecord, _ name: String, _ page: Int, _ generator: inout Seeded
    ) -> [UInt8] {
        var new = content(name, page)
        switch kind {
        case .zero:
            // Old versions of QEMU write pages that are filled with any byte.
            new[0] = Int.random(in: 0..<6, using: &generator) == 0 ? 0xa5 : 0
        case .xbzrle:
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                let place = Int.random(in: 0..<new.count, using: &generator)
                for index in place..<min(new.count, place + 30) { new[index] &+= 3 }
            }
        case .page, .compressed:
            let text = GeneratedImage.text(Int.random(in: 0..<1000, using: &generator))
            let other =
                Bool.random(using: &generator) ? text : GeneratedImage.noise(&generator)
            new = (0..<new.count / 4096).flatMap { $0 % 2 == 0 ? other : text }
        }
        return new
    }
}
