import Testing

/// Checks that something that went wrong was told as it is promised: what, where, next, each in its place.
func expectTold(
  _ outcome: Program.Outcome, status: Int32, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: sourceLocation)
  let lines = outcome.errors.split(separator: "\n", omittingEmptySubsequences: false)
  let first = lines.first { $0.hasPrefix("error: ") } ?? ""
  #expect(first.contains(what), "\(outcome.errors)", sourceLocation: sourceLocation)
  #expect(!first.hasSuffix("."), "\(outcome.errors)", sourceLocation: sourceLocation)
  let hasNext = lines.contains { $0.hasPrefix("  next: ") && $0.count > 12 }
  #expect(hasNext, "no way out in: \(outcome.errors)", sourceLocation: sourceLocation)
  expectHarmless(outcome, sourceLocation: sourceLocation)
}

/// Checks that nothing a terminal would obey, and nothing that only the program's authors understand, was
/// said.
func expectHarmless(
  _ outcome: Program.Outcome, sourceLocation: SourceLocation = #_sourceLocation
) {
  for text in [outcome.output, outcome.errors] {
    let isHarmless = text.unicodeScalars.allSatisfy { scalar in
      scalar == "\n"
        || !(scalar.properties.generalCategory == .control
          || scalar.properties.generalCategory == .format)
    }
    #expect(isHarmless, "\(text.debugDescription)", sourceLocation: sourceLocation)
    for word in ["Fatal error", "Swift/", "fatalError", "Optional(", "Mutex"] {
      #expect(!text.contains(word), sourceLocation: sourceLocation)
    }
  }
}
