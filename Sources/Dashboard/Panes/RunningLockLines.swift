import Canvas
import MigrationModel
import PostgresModel

/// What the running statement takes by its text and what it was seen to hold, each as a line.
struct RunningLockLines {
  let locks: RunningLocks
  let facts: Facts

  /// - Returns: `nil` where nothing runs.
  init?(_ facts: Facts) {
    guard let locks = RunningLocks(facts) else { return nil }
    self.locks = locks
    self.facts = facts
  }

  func lines(columns: Int) -> [DocumentLine] {
    let isNext = facts.run?.stop != nil
    var lines: [DocumentLine] = []
    var words = Self.listed(locks.takes.map(Self.words) + locks.related)
    if !locks.unseen.isEmpty {
      words += (words.isEmpty ? "" : "; ") + "not told: \(Self.listed(locks.unseen))"
    }
    if words.isEmpty { words = "no lock that keeps others out" }
    let isAsTold = locks.isAsTold && locks.related.isEmpty && locks.unseen.isEmpty && !isNext
    if !isAsTold {
      lines += DocumentLine.labelled(isNext ? "next takes" : "takes", words, .text, columns)
    }
    lines += keepsOut(columns)
    let held = locks.held.map { held in
      held.isEmpty ? "none on a table" : Self.listed(held.map(Self.words))
    }
    lines += DocumentLine.labelled(
      "holds", (held ?? "not seen yet") + (isAsTold ? ", as told" : ""),
      held == nil ? .dim : .text, columns)
    if !locks.unnamed.isEmpty {
      lines += DocumentLine.labelled(
        "", "! not named in its text: \(Self.listed(locks.unnamed.map(Self.words)))", .warning,
        columns)
    }
    return lines
  }

  /// Whom it keeps out, and how many those usually are.
  private func keepsOut(_ columns: Int) -> [DocumentLine] {
    guard let lock = locks.strongest, facts.run?.queue?.queue.victims ?? 0 == 0 else { return [] }
    let who = lock.mode.blocksReads ? "readers and writers" : "writers"
    let usually = Forecast.usually(lock.relation, facts).map { "; \($0)" } ?? ""
    return DocumentLine.labelled(
      "keeps out", "\(who) of \(RunWords.name(of: lock.relation))\(usually)", .text, columns)
  }

  private static func words(_ lock: RunningLocks.Lock) -> String {
    "\(lock.mode.sqlName) on \(RunWords.name(of: lock.relation))"
  }

  /// The first few; that there are more is said.
  private static func listed(_ words: [String]) -> String {
    let most = 3
    let left = words.count - most
    return (words.prefix(most) + (left > 0 ? ["\(left) more"] : [])).joined(separator: ", ")
  }
}
