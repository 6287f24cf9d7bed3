/// Finds the known word that the user probably meant by an unknown one.
enum Misspelling {
    /// The largest distance at which a word still counts as misspelt.
    private static let distanceMax = 2

    /// Finds the known word that is nearest to a misspelt one.
    ///
    /// - Parameters:
    ///   - word: The word that the user typed.
    ///   - known: All valid words.
    /// - Returns: The nearest word; nil if no word is near enough.
    static func nearest(to word: String, among known: [String]) -> String? {
        let distances = known.map { (word: $0, distance: distance(from: word, to: $0)) }
        guard let nearest = distances.min(by: { $0.distance < $1.distance }),
            nearest.distance <= min(distanceMax, nearest.word.count / 2)
        else { return nil }
        return nearest.word
    }

    /// Returns the number of letters to insert, delete or replace (the Levenshtein distance).
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
