import MigrationModel
import PostgresModel

extension Facts {
  /// What the run has done to a migration since the history was last read; `nil` where the picture has it
  /// already, or it did nothing.
  func doneSinceRead(_ version: Version) -> RunLog.Done? {
    guard let done = run?.done[version], case .joined(_, let at) = picture, done.at > at else {
      return nil
    }
    return done
  }

  /// The counts of the picture, and what the run has done since.
  var countsNow: Counts {
    var counts = counts
    guard let run, case .joined(_, let at) = picture else { return counts }
    // What is taken up again was neither applied nor pending.
    if case .resume = run.plan.request { return counts }
    for done in run.done.values where done.at > at && done.first == done.last {
      let change = done.last == .up ? 1 : -1
      counts.applied += change
      counts.pending -= change
    }
    return counts
  }
}
