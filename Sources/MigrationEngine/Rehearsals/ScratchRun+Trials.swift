import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Breaks a migration off that goes up and down without fault; each time it is applied again in the end.
extension ScratchRun {
  /// Ends the session of each statement that builds or drops beside the work of others while it waits, and
  /// takes the migration up again.
  ///
  /// - Parameters:
  ///   - units: Its scripts, as they are run.
  ///   - applied: The schema where nothing breaks off.
  /// - Returns: `nil` where it has no such statement.
  func breakOff(
    _ status: MigrationStatus, _ units: [RunUnit], _ applied: SchemaSnapshot,
    _ reader: SchemaReader,
    in session: Connection
  ) async throws -> [BrokenOffTrial]? {
    let concurrent = units.flatMap { unit in
      unit.statements.indices.filter { unit.statements[$0].isConcurrent }.map { (unit, $0) }
    }
    guard !concurrent.isEmpty else { return nil }
    var trials: [BrokenOffTrial] = []
    for (unit, index) in concurrent.prefix(3) {
      let place = unit.script.location(ofTextByte: unit.statements[index].range.lowerBound)
      func told(_ outcome: BrokenOffTrial.Outcome) -> BrokenOffTrial {
        BrokenOffTrial(
          index: index, line: place.line ?? unit.statements[index].line, outcome: outcome)
      }
      guard try await run(.only(status.version, .down)).failure == nil else { break }
      let killer = SessionKiller(unit.text(of: index), in: scratch.target, loop: session.loop)
      let broken = try await run(
        again(status),
        lookOn: { runner, sent, number in
          if sent == unit, (number ?? index) == index { await killer.follow(runner) }
        })
      let hasKilled = await killer.end()
      guard broken.failure != nil else {
        trials.append(told(.notTried("it was over before it could be ended")))
        continue
      }
      let resumed = try await run(.resume(status.version))
      if let failure = resumed.failure {
        trials.append(told(hasKilled ? .stuck(failure.what) : .notTried(failure.what)))
        break
      }
      trials.append(told(try await outcome(applied, reader, in: session)))
    }
    return trials
  }

  private func outcome(
    _ applied: SchemaSnapshot, _ reader: SchemaReader, in session: Connection
  ) async throws -> BrokenOffTrial.Outcome {
    let query = Query<String>(
      "SELECT indexrelid::pg_catalog.regclass::text FROM pg_catalog.pg_index WHERE NOT indisvalid"
    ) { row throws(ResultRow.Mismatch) in try row.string(0) }
    let invalid = try await session.rows(query)
    let now = try await reader.read()
    let changes = SchemaDiff(from: applied, to: now).changes.filter { !$0.isBenign }
    guard changes.isEmpty else {
      let first = changes[0]
      return .differs("\(first.action.rawValue) \(first.kind) \(first.object)")
    }
    // An index that was invalid before stays so, and is a part of the schema.
    let known = applied.facts.filter { $0.kind == "index" && $0.property == "valid" }.map(\.object)
    let new = invalid.filter { name in !known.contains { $0.hasSuffix(name) } }
    return new.isEmpty ? .converges : .differs("invalid index \(new.joined(separator: ", "))")
  }
}

extension ScratchRun {
  /// What applies it once more. One that is applied on the target may have been applied before older ones
  /// that are pending.
  func again(_ status: MigrationStatus) -> PlanRequest {
    isApplied(status)
      ? .only(status.version, .up)
      : .up(to: status.version, count: 1, allowOutOfOrder: true)
  }

  /// Whether it is applied on the target.
  func isApplied(_ status: MigrationStatus) -> Bool {
    course.rolledBack.contains { $0.version == status.version }
  }
}

/// Ends a session in the midst of a statement, which an older transaction keeps from its end meanwhile.
final class SessionKiller: Sendable {
  private struct State {
    var task: Task<Void, Never>?
    var hasKilled = false
  }

  private let statement: String
  private let place: ConnectionString
  private let loop: EventLoop
  private let state = Mutex(State())

  init(_ statement: String, in place: ConnectionString, loop: EventLoop) {
    self.statement = statement
    self.place = place
    self.loop = loop
  }

  /// Begins to follow a session, if it is not yet followed.
  func follow(_ session: Connection) async {
    guard state.withLock({ $0.task == nil }) else { return }
    guard
      let older = try? await Connection.open(
        place, application: "lockstep rehearse",
        settings: [("idle_in_transaction_session_timeout", "10000")], loop: loop),
      let killer = try? await Connection.open(place, application: "lockstep rehearse", loop: loop),
      (try? await older.execute(Self.holding)) != nil
    else { return }
    let pid = session.processID
    let task = Task(executorPreference: loop) { [self] in
      let prefix = String(statement.prefix(200))
      let query = Query<Bool>(
        """
        SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
        WHERE pid = \(pid) AND wait_event_type = 'Lock'
          AND pg_catalog.strpos(query, \(SQLText.literal(prefix))) > 0
        """
      ) { row throws(ResultRow.Mismatch) in try row.bool(0) }
      while !Task.isCancelled {
        if let rows = try? await killer.rows(query), rows.first == true {
          self.state.withLock { $0.hasKilled = true }
          break
        }
        guard (try? await loop.sleep(for: .milliseconds(10))) != nil else { break }
      }
      await loop.undisturbed { _ = try? await older.execute("ROLLBACK") }
    }
    state.withLock { $0.task = task }
  }

  /// - Returns: Whether it has ended the session.
  func end() async -> Bool {
    let task = state.withLock { $0.task }
    task?.cancel()
    await task?.value
    return state.withLock { $0.hasKilled }
  }

  /// A transaction that every concurrent form waits for: it has a snapshot, and has read every table.
  private static let holding = """
    BEGIN ISOLATION LEVEL REPEATABLE READ;
    SELECT 1;
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT c.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
          AND n.nspname NOT IN ('information_schema', 'lockstep')
      LOOP EXECUTE 'LOCK TABLE ' || name || ' IN ACCESS SHARE MODE'; END LOOP;
    END $$
    """
}
