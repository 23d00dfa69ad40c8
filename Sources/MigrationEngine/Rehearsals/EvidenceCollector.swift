import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Collects what each statement of one migration is seen to do while the engine runs it on a scratch copy.
///
/// Within the engine's own transaction it looks where the run stops. A script that is sent as a whole, or a
/// statement outside a transaction that does the same in one, is run once before in a transaction that is
/// rolled back. What is left is sampled while it runs.
final class EvidenceCollector: Sendable {
  /// A statement: its script, and its number in it, both from 0.
  struct Key: Sendable, Hashable {
    var unit: Int
    var statement: Int
  }

  let units: [RunUnit]
  let standing: StandingRelations
  /// What each statement was concluded to do, by script.
  let forecasts: [[EffectAnalysis]]
  let scratch: ScratchDatabase
  /// A session with the scratch copy in which nothing is open.
  let onlooker: Connection
  private let hasTriggers: Bool
  let state = Mutex(State())

  struct State {
    var found: [Key: StatementEvidence] = [:]
    /// What was held before each, gained by earlier statements of its transaction.
    var held: [Key: [ObservedLock]] = [:]
    /// What the run has told of each.
    var told: [Key: Told] = [:]
    /// What the server said of temporary files while statements were run to be looked at alone, in bytes.
    var replayedBytes: [Key: Int64] = [:]
    /// The last look into the transaction that is open; `nil` where none was taken in it yet.
    var last: StatementLook?
    var gained: [ObservedLock] = []
    var files: [String: Int64] = [:]
    /// The statement that runs, or ran last.
    var current: Key?
    var sampling: Sampling?
  }

  struct Told {
    var milliseconds: Double?
    var rows: Int64?
    var changes: [CatalogChange]?
    var notices: [String] = []
    /// What the server said of temporary files, in bytes.
    var temporaryBytes: Int64 = 0
  }

  struct Counts: Sendable {
    var scans: Int64
    var rowsRead: Int64
    var blocks: Int64
    var blocksHit: Int64
  }

  init(
    _ step: PlanStep, scratch: ScratchDatabase, standing: StandingRelations, facts: SchemaFacts,
    hasTriggers: Bool, onlooker: Connection
  ) {
    units = step.units
    self.scratch = scratch
    self.standing = standing
    self.hasTriggers = hasTriggers
    self.onlooker = onlooker
    forecasts = step.units.map { StatementLocks(facts: facts).effects(in: $0.sql) }
    let files = standing.relations.mapValues(\.file)
    state.withLock { $0.files = files }
  }

  // MARK: What the run tells

  /// Notes what the run tells of its statements.
  func note(_ event: RunEvent) {
    state.withLock { state in
      switch event {
      case .stopped(_, let stop):
        if case .statement(let index, _, _) = stop.next {
          state.current = Key(unit: 0, statement: index)
        }
      case .statementFinished(_, let index, _, _, let rows, let time, _, let changes):
        let key = Key(unit: state.current?.unit ?? 0, statement: index)
        state.told[key, default: Told()].milliseconds = time
        state.told[key]?.rows = rows
        state.told[key]?.changes = changes
      case .notice(_, let severity, let message):
        guard let key = state.current, message.hasPrefix("lockstep ") == false else { return }
        guard severity != TemporaryFileMessage.severity else {
          state.told[key, default: Told()].temporaryBytes +=
            TemporaryFileMessage.bytes(message) ?? 0
          return
        }
        state.told[key, default: Told()].notices.append("\(severity): \(message)")
      default: break
      }
    }
  }

  // MARK: Within the transaction of the run

  /// Looks where the run has stopped, at what the statement before has done.
  func look(in session: Connection, before next: RunStop.Next) async {
    let count = units[0].statements.count
    let index = if case .statement(let index, _, _) = next { index } else { count }
    await look(in: session, Key(unit: 0, statement: index), .stepped)
  }

  /// Looks at what the statement before `key` has done; one that fails costs only its answer.
  private func look(
    in session: Connection, _ key: Key, _ source: StatementEvidence.Source
  ) async {
    let statements = units[key.unit].statements
    let hasLooked = state.withLock { $0.last != nil }
    // The isolation level can only be set before anything is asked.
    let isSetting = { (index: Int) in
      guard statements.indices.contains(index) else { return false }
      return statements[index].command.hasPrefix("SET") || statements[index].role == .begin
    }
    guard hasLooked || !isSetting(key.statement) else { return }
    guard let look = try? await StatementLook.take(in: session, isFirst: !hasLooked) else { return }
    state.withLock { state in
      defer { state.last = look }
      guard let last = state.last, key.statement > 0 else { return }
      let done = Key(unit: key.unit, statement: key.statement - 1)
      state.held[done] = state.gained
      let evidence = evidence(done, source, from: last, to: look, files: &state.files)
      state.gained += evidence.locks
      state.found[done] = evidence
    }
  }

  private func evidence(
    _ key: Key, _ source: StatementEvidence.Source, from last: StatementLook,
    to look: StatementLook, files: inout [String: Int64]
  ) -> StatementEvidence {
    var evidence = StatementEvidence(source, rewrites: [], scans: [])
    let command = units[key.unit].statements[key.statement].command
    var counts: [String: Counts] = [:]
    var buffers = BufferUse(hit: 0, read: 0)
    for (oid, sight) in look.sights {
      let before = last.sights[oid]
      let count = Counts(
        scans: sight.scans - (before?.scans ?? 0),
        rowsRead: sight.rowsRead - (before?.rowsRead ?? 0),
        blocks: sight.blocks - (before?.blocks ?? 0),
        blocksHit: sight.blocksHit - (before?.blocksHit ?? 0))
      buffers.add(count)
      guard let relation = standing.relations[oid] else { continue }
      for mode in sight.modes.subtracting(before?.modes ?? []) {
        evidence.locks.append(ObservedLock(mode, relation.name, relation.kind))
      }
      if isRewritten(oid, sight.file, command, &files) { evidence.rewrites?.append(relation.name) }
      counts[oid] = count
    }
    evidence.locks = evidence.locks.sorted()
    evidence.rewrites?.sort()
    if look.countsBlocks {
      evidence.scans = scans(counts, command)
      evidence.buffers = buffers
    } else {
      evidence.scans = nil
    }
    evidence.temporaryBytes = last.tellsFiles && look.tellsFiles ? 0 : nil
    if let from = last.walPosition, let to = look.walPosition { evidence.walBytes = to - from }
    if hasTriggers {
      evidence.dropped = ScratchTriggers.drops(look.drops, since: last.drops)
    }
    return evidence
  }

  /// Whether a table has got a new file by being written anew.
  func isRewritten(
    _ oid: String, _ file: Int64, _ command: String, _ files: inout [String: Int64]
  ) -> Bool {
    guard let relation = standing.relations[oid], relation.hasRows, file != 0,
      let before = files[oid], before != file
    else { return false }
    files[oid] = file
    // An empty file is no rewriting.
    return command != "TRUNCATE"
  }

  /// Tables of which at least a tenth of the rows was read one after the other.
  ///
  /// Of an empty copy a scan of the whole is told where the server does not plan it: a query's plan would
  /// be another with rows.
  func scans(_ counts: [String: Counts], _ command: String) -> [QualifiedName]? {
    var names: [QualifiedName] = []
    for (oid, count) in counts where count.scans > 0 {
      guard let relation = standing.relations[oid], relation.hasRows else { continue }
      if relation.rows == 0 {
        guard !Self.planned.contains(command) else { return nil }
        names.append(relation.name)
      } else if count.rowsRead * 10 >= relation.rows {
        names.append(relation.name)
      }
    }
    return names.sorted()
  }

  /// Commands whose way to the rows is chosen by the planner, or by what they run.
  private static let planned: Set<String> = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "DO", "CALL", "EXECUTE",
    "COPY", "CREATE TABLE", "CREATE MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW", "EXPLAIN",
  ]

  // MARK: What nobody can stop at

  /// Prepares to look on at a script, or a statement of it, that is about to be sent.
  ///
  /// - Parameter statement: `nil` for the whole script.
  func beforeSending(
    in session: Connection, _ unit: RunUnit, _ statement: Int?
  ) async {
    await endSampling(session)
    guard let number = units.firstIndex(of: unit) else { return }
    let key = Key(unit: number, statement: statement ?? 0)
    state.withLock { $0.current = key }
    if await session.transactionState == .open {
      return await look(in: session, key, .stepped)
    }
    // What was written anew by a transaction that was rolled back is as it was.
    let files = await files()
    state.withLock { state in
      state.last = nil
      state.gained = []
      if let files { state.files = files }
    }
    let statements = unit.statements
    guard let statement else {
      if unit.isOneTransaction || unit.isSameInTransaction {
        await replay(session, number, statements.indices)
      } else if statements.count == 1 {
        await sample(session, key)
      }
      return
    }
    switch statements[statement].role {
    case .begin, .commit, .rollback, .twoPhase, .psqlCommand, .copyFromStandardInput: break
    default:
      if unit.isSameInTransaction(statement) {
        await replay(session, number, statement..<(statement + 1))
      } else {
        await sample(session, key)
      }
    }
  }

  /// Ends the looking on, once the run has ended.
  func finish(_ session: Connection) async {
    await endSampling(session)
  }

  /// Runs statements in a transaction that is rolled back, as far as they run.
  private func replay(_ session: Connection, _ number: Int, _ range: Range<Int>) async {
    let unit = units[number]
    if range.first.map({ unit.statements[$0].role == .begin }) != true {
      guard (try? await session.execute("BEGIN")) != nil else { return }
    }
    for index in range {
      let statement = unit.statements[index]
      if statement.role == .commit { break }
      let key = Key(unit: number, statement: index)
      if state.withLock({ $0.last == nil }) {
        await look(in: session, key, .replayed)
        state.withLock { $0.found[key] = nil }
      }
      let began = ContinuousClock.now
      let hear = { @Sendable (notice: Notice) in
        guard notice.severity == TemporaryFileMessage.severity,
          let bytes = TemporaryFileMessage.bytes(notice.message)
        else { return }
        self.state.withLock { $0.replayedBytes[key, default: 0] += bytes }
      }
      guard let results = try? await session.execute(unit.text(of: index), onNotice: hear) else {
        break
      }
      let time = milliseconds(since: began)
      state.withLock { state in
        guard state.told[key]?.milliseconds == nil else { return }
        state.told[key, default: Told()].milliseconds = time
        state.told[key]?.rows = results.last?.rows
      }
      await look(in: session, Key(unit: number, statement: index + 1), .replayed)
    }
    _ = try? await session.execute("ROLLBACK")
  }

  // MARK: The result

  /// The statements of all scripts with what was seen of each.
  func statements() -> [RehearsedStatement] {
    let (found, held, told, replayed) = state.withLock {
      ($0.found, $0.held, $0.told, $0.replayedBytes)
    }
    return units.indices.flatMap { number in
      RehearsedStatement.all(of: units[number]).enumerated().map { index, statement in
        let key = Key(unit: number, statement: index)
        var statement = statement
        guard var evidence = found[key] else { return statement }
        evidence.durationMilliseconds = told[key]?.milliseconds
        evidence.rows = told[key]?.rows
        evidence.changes = told[key]?.changes
        evidence.notices = told[key]?.notices ?? []
        if evidence.temporaryBytes != nil {
          evidence.temporaryBytes =
            (evidence.source == .replayed ? replayed[key] : told[key]?.temporaryBytes) ?? 0
        }
        statement.evidence = evidence
        let forecast = forecasts[number]
        if forecast.indices.contains(index) {
          statement.forecastDiffers = evidence.differences(
            from: forecast[index], held: held[key] ?? [], standing: standing.names)
        }
        return statement
      }
    }
  }
}

extension RunUnit {
  /// Whether its file is a transaction of its own.
  fileprivate var isOneTransaction: Bool {
    switch form {
    case .transaction, .ownTransaction: true
    case .outside, .statementByStatement: false
    }
  }
}

extension BufferUse {
  /// Adds what was counted of a relation.
  mutating func add(_ counts: EvidenceCollector.Counts) {
    hit += counts.blocksHit
    read += counts.blocks - counts.blocksHit
  }
}

extension ObservedLock: Comparable {
  /// Strongest first, then by name.
  public static func < (a: ObservedLock, b: ObservedLock) -> Bool {
    a.mode == b.mode ? a.relation < b.relation : a.mode > b.mode
  }
}
