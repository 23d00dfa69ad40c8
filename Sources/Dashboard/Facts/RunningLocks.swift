import MigrationModel
import PostgresModel

/// What the statement that runs is to lock by its text, beside what our session was seen to hold.
struct RunningLocks: Sendable, Hashable {
  struct Lock: Sendable, Hashable {
    var relation: QualifiedName
    var mode: LockMode
  }

  /// What it surely locks, strongest first; each relation once.
  private(set) var takes: [Lock] = []
  /// What it locks as well, where only the catalog knows the name, in words.
  private(set) var related: [String] = []
  /// What its text does not tell, in words.
  private(set) var unseen: [String] = []
  /// Seen since it was sent, strongest first; `nil` where nobody has looked.
  private(set) var held: [Lock]?
  /// What is held though no text names it: partitions, tables behind a constraint.
  private(set) var unnamed: [Lock] = []

  /// - Returns: `nil` where nothing runs, and while nothing is held between two attempts.
  init?(_ facts: Facts) {
    guard let run = facts.run, let current = run.current, let atWork = run.atWork,
      run.restLeft(at: facts.now) == nil
    else { return nil }
    let all = current.effects.flatMap(\.self)
    let effects: [EffectAnalysis]
    var earlier: [EffectAnalysis] = []
    switch atWork {
    case .statement(let index):
      effects = all.indices.contains(index) ? [all[index]] : []
      // What was locked before stays so until the transaction ends.
      if case .statementByStatement? = run.currentStep?.units.first?.form {
      } else {
        earlier = Array(all.prefix(index))
      }
    case .all: effects = all
    }
    if effects.isEmpty { unseen = ["it is too long to be read here"] }
    for effect in effects { add(effect) }
    takes = Self.strongest(takes)
    related = Self.unique(related)
    unseen = Self.unique(unseen)
    held = Self.held(facts, since: current.sentAt)
    // Of a text that nobody can read it would say nothing.
    guard unseen.isEmpty, earlier.allSatisfy({ $0.effect?.unseen.isEmpty == true }) else { return }
    let told = takes + earlier.flatMap { $0.effect.map(Self.certain) ?? [] }
    unnamed = (held ?? []).filter { lock in
      lock.mode > .rowExclusive
        && !told.contains { $0.mode >= lock.mode && Self.isSame($0.relation, lock.relation) }
    }
  }

  /// Whether exactly what was told is held.
  var isAsTold: Bool {
    guard let held, !takes.isEmpty, held.count == takes.count else { return false }
    return takes.allSatisfy { lock in
      held.contains { $0.mode == lock.mode && Self.isSame(lock.relation, $0.relation) }
    }
  }

  /// The strongest lock that keeps anybody out: one that is held, or else one that will be.
  var strongest: Lock? {
    let strongest = [held?.first, takes.first].compactMap(\.self).max { $0.mode < $1.mode }
    return strongest.flatMap { $0.mode.blocksWrites ? $0 : nil }
  }

  private mutating func add(_ analysis: EffectAnalysis) {
    switch analysis {
    case .notAnalysed(let reason): unseen.append(reason)
    case .analysed(let effect):
      takes += Self.certain(effect)
      unseen += effect.unseen
      for (lock, _) in effect.lockLines where lock.relation == nil && lock.isCertain {
        related.append("\(lock.mode.sqlName) on \(lock.placeText)")
      }
    }
  }

  private static func certain(_ effect: StatementEffect) -> [Lock] {
    effect.lockLines.compactMap { lock, _ in
      guard lock.isCertain, let relation = lock.relation else { return nil }
      return Lock(relation: relation, mode: lock.mode)
    }
  }

  /// Our locks on tables that everybody sees, but for that on the history.
  private static func held(_ facts: Facts, since: Instant) -> [Lock]? {
    guard let scan = facts.locks.live, let at = facts.locks.scannedAt, at >= since,
      !scan.ours.isEmpty
    else { return nil }
    let history = facts.picture.status?.table
    let locks = scan.snapshot.locks.compactMap { row -> Lock? in
      guard row.tag.kind == .relation, row.isGranted, row.mode > .accessShare,
        row.tag.database == scan.snapshot.database, !scan.names.isIndex(row.tag),
        case .session(let pid) = scan.owner(of: row), scan.ours.contains(pid),
        let oid = row.tag.relation, oid >= 16_384, let name = scan.names.names[oid],
        name.schema != "lockstep", history.map({ !isSame($0, name) }) ?? true
      else { return nil }
      return Lock(relation: name, mode: row.mode)
    }
    return strongest(locks)
  }

  /// Each relation once; one that names no schema may be any of its name.
  private static func strongest(_ locks: [Lock]) -> [Lock] {
    var modes: [QualifiedName: LockMode] = [:]
    for lock in locks { modes[lock.relation] = max(modes[lock.relation] ?? lock.mode, lock.mode) }
    return modes.map { Lock(relation: $0.key, mode: $0.value) }.sorted {
      $0.mode != $1.mode
        ? $0.mode > $1.mode : $0.relation.description < $1.relation.description
    }
  }

  private static func isSame(_ written: QualifiedName, _ found: QualifiedName) -> Bool {
    written.name == found.name && (written.schema == nil || written.schema == found.schema)
  }

  private static func unique(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }
}
