import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

/// Plans and runs the project's key queries before and after a migration, and compares.
///
/// An index that is lost to a query, or a large table that it reads whole now, fails it even where it is
/// fast on the copy. Where the tables of a query are empty no time and no plan is judged, only whether
/// it can still be planned and still has its indexes; where they are a part of the target's, a budget that
/// is kept proves nothing.
struct QueryProbe: ScratchProbe {
  var queries: [KeyQuery]
  /// The rows of the target's tables, by qualified name, as far as the server has counted them.
  var targetRows: [String: Double] = [:]
  /// How often each is run, the first run left out.
  var runs = 5
  var timeout: Duration = .seconds(30)

  private var earlier: [Int: Reading] = [:]

  /// What nobody wants read whole has at least as many rows.
  static let large = 10_000.0

  init(_ queries: [KeyQuery], targetRows: [String: Double] = [:]) {
    self.queries = queries
    self.targetRows = targetRows
  }

  mutating func before(_ scene: ScratchScene) async throws {
    for (index, query) in queries.enumerated() {
      earlier[index] = try await read(query, in: scene.session)
    }
  }

  mutating func after(_ scene: ScratchScene) async throws -> [Trial] {
    var trials: [Trial] = []
    for (index, query) in queries.enumerated() {
      let reading = try await read(query, in: scene.session)
      trials += QueryProbe.trials(
        of: query, before: earlier[index] ?? .refused("not looked at"), after: reading,
        largeTables: Set(targetRows.filter { $0.value >= QueryProbe.large }.keys))
    }
    return trials
  }

  /// What came of one query at one moment.
  enum Reading: Sendable, Hashable {
    /// The server's words.
    case refused(String)
    case tooSlow(Duration)
    case planned(Measured)
  }

  /// A query that could be planned.
  struct Measured: Sendable, Hashable {
    /// With whatever the planner likes best.
    var plan: QueryPlan
    /// With no table read whole that has an index for it.
    var byIndex: QueryPlan
    /// The median of the runs.
    var milliseconds: Double?
    /// Whether each table that it touches has rows.
    var hasRows: Bool
    /// Whether each has nearly as many as on the target.
    var isWhole: Bool
  }

  // MARK: Asking

  private func read(_ query: KeyQuery, in session: Connection) async throws -> Reading {
    do throws(DatabaseError) {
      try await session.execute(
        "BEGIN; SET LOCAL statement_timeout = \(timeout.components.seconds * 1000);"
          + " SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off;"
          + " SET LOCAL max_parallel_workers_per_gather = 0")
      if query.parameters != nil {
        try await session.execute("PREPARE lockstep_key_query AS \(query.sql)")
      }
      let reading = try await measure(query, in: session)
      try await end(session)
      return .planned(reading)
    } catch {
      guard let server = error.serverError else { throw error }
      try await end(session)
      if server.sqlstate == "57014" {
        try Task.checkCancellation()
        return .tooSlow(timeout)
      }
      return .refused("\(server.message) (SQLSTATE \(server.sqlstate))")
    }
  }

  private func end(_ session: Connection) async throws(DatabaseError) {
    try await session.execute("ROLLBACK")
    // A prepared statement outlives the transaction; where it was never made there is nothing to do.
    try await session.execute("DEALLOCATE ALL")
  }

  private func measure(
    _ query: KeyQuery, in session: Connection
  ) async throws(DatabaseError) -> Measured {
    // The plan of a statement without parameters would be made once, whatever is set later.
    let call = query.parameters.map { "EXECUTE lockstep_key_query(\($0))" } ?? query.sql
    func explain(_ options: String) async throws(DatabaseError) -> QueryPlan {
      let query = Query<String>("EXPLAIN (\(options)FORMAT JSON, VERBOSE) \(call)") {
        (row) throws(ResultRow.Mismatch) in try row.string(0)
      }
      let text = try await session.rows(query).joined(separator: "\n")
      guard let plan = QueryPlan(json: text) else {
        throw .unexpectedAnswer(
          ResultRow.Mismatch(column: 0, expected: "a plan", found: nil), query: call)
      }
      return plan
    }
    let first = try await explain("")
    var hasRows = !first.relations.isEmpty
    var isWhole = true
    for relation in first.relations.sorted(by: { $0.sql < $1.sql }) {
      try await session.execute("ANALYZE \(relation.sql)")
      let counting = Query<Double?>(
        "SELECT reltuples FROM pg_catalog.pg_class WHERE oid = $1::regclass", [relation.sql]
      ) { (row) throws(ResultRow.Mismatch) in try row.optionalDouble(0) }
      let rows = try await session.rows(counting).first.flatMap { $0 } ?? 0
      if rows <= 0 { hasRows = false }
      let target = targetRows["\(relation.schema ?? "").\(relation.name)"]
      if target.map({ rows < $0 * 0.9 }) ?? true { isWhole = false }
    }
    // What it writes is rolled back before each run: all of them find the same rows.
    try await session.execute("SAVEPOINT lockstep_run")
    var plan = try await explain("ANALYZE, BUFFERS, SETTINGS, ")
    var times: [Double] = []
    for _ in 0..<(hasRows ? runs : 0) {
      try await session.execute("ROLLBACK TO SAVEPOINT lockstep_run")
      plan = try await explain("ANALYZE, BUFFERS, SETTINGS, ")
      if let time = plan.milliseconds { times.append(time) }
    }
    try await session.execute("ROLLBACK TO SAVEPOINT lockstep_run; SET LOCAL enable_seqscan = off")
    let byIndex = try await explain("")
    times.sort()
    return Measured(
      plan: plan, byIndex: byIndex, milliseconds: times.isEmpty ? nil : times[times.count / 2],
      hasRows: hasRows, isWhole: isWhole)
  }
}

extension QueryProbe {
  // MARK: Judging

  /// Compares what was seen of a query before and after.
  static func trials(
    of query: KeyQuery, before: Reading, after: Reading, largeTables: Set<String>
  ) -> [Trial] {
    let subject = "query \(query.name)"
    switch (before, after) {
    case (.refused(let was), .refused(let now)):
      // Whatever has broken it, or never let it work, was not this migration.
      let words = was == now ? now : "\(was); now: \(now)"
      return [
        Trial(
          .performance, subject, .notProven,
          [.init("it was not understood before either: \(words)", .unclear)])
      ]
    case (_, .refused(let now)):
      let lines: [CheckFinding.Evidence] = [
        .init("it was understood before, and is not any more: \(now)", .refutes),
        .init("it stands in \(query.file)"),
      ]
      return [
        Trial(.performance, subject, .refuted, lines), Trial(.contract, subject, .refuted, lines),
      ]
    case (.tooSlow(let limit), .tooSlow):
      return [
        Trial(
          .performance, subject, .notProven,
          [.init("longer than \(limit.components.seconds) s before and after", .unclear)])
      ]
    case (_, .tooSlow(let limit)):
      return [
        Trial(
          .performance, subject, .refuted,
          [.init("longer than \(limit.components.seconds) s now", .refutes)])
      ]
    case (.planned(let was), .planned(let now)):
      return [judge(query, subject, was, now, largeTables)]
    case (.refused, .planned(let now)), (.tooSlow, .planned(let now)):
      var trial = judge(query, subject, nil, now, largeTables)
      trial.evidence.insert(.init("nothing to compare with: it could not be run before"), at: 0)
      return [trial]
    }
  }

  private static func judge(
    _ query: KeyQuery, _ subject: String, _ was: Measured?, _ now: Measured,
    _ largeTables: Set<String>
  ) -> Trial {
    var evidence: [CheckFinding.Evidence] = []
    var isRefuted = false
    func refute(_ text: String) {
      isRefuted = true
      evidence.append(.init(text, .refutes))
    }
    if let was {
      // On a small copy the planner reads everything whole; what it could do without that tells more.
      for lost in now.byIndex.lostIndexes(since: was.byIndex) {
        refute("index \(lost.index) is lost to it: it reads \(lost.table) whole")
      }
      if now.hasRows {
        for table in now.plan.newScans(since: was.plan) where largeTables.contains(table) {
          refute("it reads the whole of \(table), which is large, and did not before")
        }
      }
      for (index, table) in was.byIndex.indexes.sorted(by: { $0.key < $1.key })
      where now.byIndex.indexes[index] == nil && now.byIndex.indexes.values.contains(table) {
        evidence.append(.init("another index of \(table) serves in place of \(index)"))
      }
    }
    guard now.hasRows else {
      evidence.append(.init("it can be planned", .supports))
      evidence.append(
        .init("its tables have no rows on the copy: neither plan nor time is judged", .unclear))
      return Trial(.performance, subject, isRefuted ? .refuted : .notProven, evidence)
    }
    evidence.append(.init(costs(was, now)))
    var isOpen = false
    func allow(_ words: String, isKept: Bool) {
      guard isKept else { return refute(words) }
      isOpen = isOpen || !now.isWhole
      let place = now.isWhole ? "" : ", on a part of the rows"
      evidence.append(.init(words + place, now.isWhole ? .supports : .unclear))
    }
    if let budget = query.budgetMilliseconds, let time = now.milliseconds {
      allow("\(milliseconds(time)) of \(milliseconds(budget)) allowed", isKept: time <= budget)
    }
    if let budget = query.budgetBuffers, let buffers = now.plan.buffers {
      allow("\(buffers) blocks of \(budget) allowed", isKept: buffers <= budget)
    }
    if let old = was?.plan.buffers, let new = now.plan.buffers, new > old * 2, new - old >= 100,
      query.budgetBuffers == nil
    {
      refute("it touches more than twice as many blocks as before")
    }
    if !isRefuted {
      evidence.append(
        .init(was == nil ? "it was planned and run" : "its plan is no worse than before", .supports)
      )
    }
    return Trial(
      .performance, subject, isRefuted ? .refuted : isOpen ? .notProven : .proven, evidence)
  }

  /// Before and after, side by side.
  private static func costs(_ was: Measured?, _ now: Measured) -> String {
    func words(_ measured: Measured) -> String {
      let time = measured.milliseconds.map { milliseconds($0) } ?? "unknown time"
      let blocks = measured.plan.buffers.map { "\($0) blocks" } ?? "unknown blocks"
      return "\(time), \(blocks)"
    }
    guard let was, was.hasRows else { return "after: \(words(now))" }
    return "before: \(words(was)); after: \(words(now))"
  }

  private static func milliseconds(_ time: Double) -> String {
    let hundredths = Int64((time * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) ms"
  }
}
