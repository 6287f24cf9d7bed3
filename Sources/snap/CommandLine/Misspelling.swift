/// What somebody may have meant who has typed a word that is not known.
enum Misspelling {
    /// More letters wrong are another word.
    private static let distanceMax = 2

    /// The known word that is nearest to a misspelt one; nil if none is near.
    ///
    /// - Parameters:
    ///   - word: What was typed.
    ///   - known: The words that there are.
    static func nearest(to word: String, among known: [String]) -> String? {
        let distances = known.map { (word: $0, distance: distance(from: word, to: $0)) }
        guard let nearest = distances.min(by: { $0.distance < $1.distance }),
            nearest.distance <= min(distanceMax, nearest.word.count / 2)
        else { return nil }
        return nearest.word
    }

    /// How many letters have to be put in, taken out or changed (Levenshtein's distance).
    private static func distance(from word: String, to other: String) -> Int {
        let other = Array(other)
        var row = Array(0...other.count)
        for (index, letter) in word.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (place, otherLetter) in other.enumerated() {
                let changed = diagonal + (letter == otherLetter ? 0 : 1)
                diagonal = row[place + 1]
                row[place + 1] = min(changed, row[place] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }
}
