import MigrationModel

extension Arguments {
  /// The copy that `--mode` and `--sample` ask for; `nil` where neither is given.
  ///
  /// - Throws: `UsageError.badOperand` for a size that is none.
  func copy(for command: String) throws(UsageError) -> RehearsalCopy? {
    guard has(Options.mode) || has(Options.sample) else { return nil }
    var copy = RehearsalCopy(
      text(Options.mode).flatMap { RehearsalMode(rawValue: $0) } ?? .auto)
    if let text = text(Options.sample) {
      guard let sample = SampleSize(text) else {
        throw .badOperand(
          text, command: command, expected: "for --sample rows of a table, or a share (500, 2%)")
      }
      copy.sample = sample
    }
    return copy
  }
}
