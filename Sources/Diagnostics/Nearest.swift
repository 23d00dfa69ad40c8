/// Returns the candidate that a mistyped word most likely meant.
///
/// Uses the edit distance with neighbouring letters swapped counted as one edit (optimal string
/// alignment), and gives up beyond a third of the word's length.
///
/// - Parameters:
///   - word: What was typed.
///   - candidates: What would have been understood, in order of preference.
/// - Returns: `nil` when nothing is near.
public func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
  let limit = max(1, (word.count + 1) / 3)
  var best: (distance: Int, candidate: String)?
  for candidate in candidates {
    let distance = editDistance(Array(word.utf8), Array(candidate.utf8))
    if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
  }
  return best?.candidate
}

private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var beforeLast = [Int](repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1] + [Int](repeating: 0, count: b.count)
    for j in 0..<b.count {
      row[j + 1] = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
      }
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
