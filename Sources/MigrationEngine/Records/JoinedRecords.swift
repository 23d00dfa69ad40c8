import Diagnostics
import MigrationModel

/// Records that are written to one place and read from several.
public struct JoinedRecords: RunRecords {
  private let place: any RunRecords
  private let others: [any RunRecords]

  /// - Parameters:
  ///   - place: Where records are added.
  ///   - others: Where more are read from.
  public init(_ place: any RunRecords, readingAlso others: [any RunRecords]) {
    self.place = place
    self.others = others
  }

  public func append(_ records: [RunRecord]) async throws(RunRecordsFailure) {
    try await place.append(records)
  }

  /// A place that cannot be read is told in a note; the rest is read all the same.
  public func read(_ wanted: RunRecordSelection) async throws(RunRecordsFailure) -> RunRecordReading
  {
    var reading = RunRecordReading()
    for place in [place] + others { await reading.add(place, wanted) }
    return reading
  }
}
