import Canvas
import MigrationModel
import PostgresModel

/// What a step of a plan asks for that others may hold, and who would keep it waiting.
struct StepForecast: Sendable, Hashable {
  /// The strongest lock on each relation, in the order in which they are asked for.
  private var wants: [Want] = []
  /// What it waits for beside its locks where none of them could be told of.
  private var snapshotWait: ConcurrentWait?
  /// The first of what keeps some of its locks from being told.
  private var unknown: String?

  private struct Want: Sendable, Hashable {
    var lock: ExpectedLock
    var line: String
    var wait: ConcurrentWait?
  }

  /// A line of the sheet.
  struct Line: Sendable, Hashable {
    var text: String
    var isGrave: Bool
  }

  /// At most so many locks that nobody is in the way of are told one by one.
  private static let limit = 4

  init(_ step: PlanStep) {
    // What is left of one that broke off is not what its text says.
    guard step.resumption == nil else { return }
    for unit in step.units {
      for analysis in MigrationReading.Part(unit.script).effects { take(analysis) }
    }
  }

  private mutating func take(_ analysis: EffectAnalysis) {
    switch analysis {
    case .notAnalysed(let reason): unknown = unknown ?? "not analysed: \(reason)"
    case .analysed(let effect):
      if effect.concurrentWait?.isForOlderSnapshots == true { snapshotWait = effect.concurrentWait }
      if let first = effect.unseen.first { unknown = unknown ?? "not seen: \(first)" }
      for (lock, line) in effect.lockLines where lock.isAlwaysTold && lock.mode > .rowExclusive {
        let want = Want(lock: lock, line: line, wait: effect.concurrentWait)
        guard let index = wants.firstIndex(where: { $0.lock.place == lock.place }) else {
          wants.append(want)
          continue
        }
        if wants[index].lock.mode < lock.mode { wants[index] = want }
        // Of two alike the one that waits for more tells more.
        if wants[index].lock.mode == lock.mode, wants[index].wait == nil {
          wants[index].wait = want.wait
        }
      }
    }
  }

  /// Whether one of its locks keeps others from writing.
  var wantsStrongLock: Bool { wants.contains { $0.lock.isCertain && $0.lock.mode.blocksWrites } }

  /// The locks in words, each with who would be waited for now; those that would wait stand first.
  func lines(_ facts: Facts) -> [Line] {
    var grave: [Line] = []
    var others: [Line] = []
    var tellsSnapshots = false
    for want in wants {
      let found = Forecast(want.lock, want.wait, countsSnapshots: !tellsSnapshots, facts)
      if found != nil, want.wait?.isForOlderSnapshots == true { tellsSnapshots = true }
      if let found, found.wouldWait {
        grave += [
          Line(text: want.line, isGrave: true), Line(text: "  " + found.now, isGrave: true),
        ]
      } else {
        others.append(Line(text: want.line + (found.map { "; \($0.now)" } ?? ""), isGrave: false))
      }
    }
    if !tellsSnapshots, let found = Forecast(olderSnapshotsFor: snapshotWait, facts),
      found.wouldWait
    {
      grave += [
        Line(text: "waits for older snapshots", isGrave: true),
        Line(text: "  " + found.now, isGrave: true),
      ]
    }
    // Those that would wait are told of each; of the others there may be many.
    if others.count > Self.limit {
      let rest = others.count - Self.limit + 1
      others =
        others.prefix(Self.limit - 1) + [
          Line(text: "and \(rest) locks more; the Effect tab tells all of them", isGrave: false)
        ]
    }
    var lines = grave + others
    if let unknown { lines.append(Line(text: unknown, isGrave: false)) }
    return lines
  }
}

extension LockBudget {
  /// What becomes of a run that has to wait for a lock, as a sentence without a full stop.
  var words: String {
    guard isOn else { return "no lock budget: waits for its locks without end" }
    var parts: [String] = []
    if let timeout { parts.append(Words.wait(milliseconds: timeout.fractionOfMilliseconds)) }
    parts.append(Words.count(attempts, "attempt"))
    if let victims { parts.append("at most \(victims) waiting behind it") }
    return "lock budget: " + parts.joined(separator: ", ")
  }
}

extension Duration {
  fileprivate var fractionOfMilliseconds: Double {
    Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
  }
}
