import MigrationModel
import PostgresModel

/// What a check or a rehearsal is at, told as it goes on.
public enum CheckStep: Sendable, Hashable {
  /// The scratch copy is being made.
  case copying
  case copied(RehearsalReport.Scratch)
  /// A migration is being run there: `up`, `down`, `up again`.
  case rehearsing(Version, name: String, String)
  /// Of a run on the scratch copy.
  case event(RunEvent)
  case proving(Version, ChecklistItem)
  /// How an item stands now, or will once what was seen is kept.
  case settled(Version, CheckedItem)
}

/// A check or a rehearsal, folded from its steps.
public struct CheckLog: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case check
    case rehearsal
  }

  public let kind: Kind
  /// The one that was asked for; `nil`: all that is pending.
  public let version: Version?
  public let startedAt: Instant
  /// The content that is being checked, by version, as it was at the start.
  let checksums: [Version: String]
  public private(set) var endedAt: Instant?
  public var isCancelling = false
  /// How many items are to be settled; `nil` where that is not known.
  public let wanted: Int?
  public var settled: Int { done.count }
  private var done: Set<Done> = []
  /// The migration that is at work.
  public private(set) var current: Version?
  /// The item that is being proven, by its id.
  public private(set) var proving: String?
  /// What is being done, in words without the migration.
  public private(set) var words = "reading folder and history"
  /// What the run on the copy last said: a statement that is done, a notice.
  public private(set) var detail: String?
  /// Where it is rehearsed.
  public private(set) var scratch: RehearsalReport.Scratch?
  /// What a rehearsal alone has come to.
  public private(set) var report: RehearsalReport?

  private struct Done: Hashable {
    var version: Version?
    var item: String
  }

  init(
    _ kind: Kind, of version: Version?, wanted: Int?, checksums: [Version: String] = [:],
    at now: Instant
  ) {
    self.kind = kind
    self.checksums = checksums
    self.version = version
    self.wanted = wanted
    startedAt = now
  }

  public var isRunning: Bool { endedAt == nil }

  /// Takes in a step.
  mutating func take(_ step: CheckStep) {
    switch step {
    case .copying:
      words = "making a scratch copy"
      detail = nil
    case .copied(let scratch):
      self.scratch = scratch
      words = "reading the copy"
    case .rehearsing(let version, _, let what):
      current = version
      proving = nil
      words = "rehearsing: \(what)"
      detail = nil
    case .event(let event): take(event)
    case .proving(let version, let item):
      // What is told of it comes when all are through.
      if let proving { done.insert(Done(version: current, item: proving)) }
      current = version
      proving = item.id
      words = "proving: \(item.title)"
      detail = nil
    case .settled(let version, let item):
      current = version
      done.insert(Done(version: version, item: item.item.id))
      if proving == item.item.id { proving = nil }
    }
  }

  private mutating func take(_ event: RunEvent) {
    switch event {
    case .statementFinished(_, let index, let line, let command, _, let milliseconds, _, _):
      let time = Words.duration(milliseconds: milliseconds)
      detail = "statement \(index + 1), line \(line), \(command): \(time)"
    case .notice(_, _, let message): detail = message
    case .progress(_, let progress?): detail = progress.phase
    case .migrationFailed(_, _, _, let diagnostic, _): detail = diagnostic.what
    default: break
    }
  }

  /// Notes the end.
  mutating func end(_ report: RehearsalReport? = nil, at now: Instant) {
    endedAt = now
    proving = nil
    self.report = report
  }
}
