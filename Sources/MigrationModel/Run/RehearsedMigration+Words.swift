extension RehearsedMigration {
  /// What was shown of it, in one line, as every report says it.
  public var words: String {
    switch verdict {
    case .notRun: return reasonNotRun
    case .noWayBack: return "applies; there is no way back"
    case .passed:
      if losesRows { return "applies, rolls back without its rows, applies again" }
      let isExact = rollBack.differences?.isEmpty == true
      return isExact
        ? "applies, rolls back exactly, applies again"
        : "applies, rolls back but for the places of columns, applies again"
    case .failed:
      if applies == false { return "does not apply" }
      if rollBack.runs == false { return "applies, but cannot be rolled back" }
      if rollBack.restoresSchema == false { return "rolling back does not restore the schema" }
      if reapplies == false { return "cannot be applied again after rolling back" }
      return "cannot be taken up where it breaks off"
    }
  }

  /// Why its turn never came.
  var reasonNotRun: String {
    guard let standsInTheWay else { return "not run: one before it failed" }
    let what = standsInTheWay == version ? "it" : "\(standsInTheWay), which comes after it,"
    return "not run: it is applied, and \(what) could not be rolled back on the copy first"
  }

  /// Says of one that is applied how it came to be rehearsed; `nil` for one that is pending, or was not run.
  public var wordsOfRollingBackFirst: String? {
    guard applies != nil, !rolledBackFirst.isEmpty else { return nil }
    let versions = rolledBackFirst.map(\.text).joined(separator: ", ")
    return "rehearsed after rolling back on the copy: \(versions)"
  }

  /// Whether rolling back has lost rows, or values, that were there before.
  public var losesRows: Bool {
    rollBack.lostData?.contains { $0.written == .before } == true
  }
}
