import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

/// Plans and runs the project's key queries before and after a migration, and compares.
///
/// An index that is lost to a query, or a large table that it reads whole now, fails it even where it is
/// fast on the copy. Where the tables of a query are empty no time and no plan is judged, only whether
/// it can still be planned and still has its indexes.
struct QueryProbe: ScratchProbe {
  var queries: [KeyQuery]
  /// Tables of the target, qualified, that are too large to be read whole.
  var largeTables: Set<String> = []
  /// How often each is run, the first run left out.
  var runs = 5
  var timeout: Duration = .seconds(30)

  private var earlier: [Int: Reading] = [:]

  init(_ queries: [KeyQuery], largeTables: Set<String> = []) {
    self.queries = queries
    self.largeTables = largeTables
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
        largeTables: largeTables)
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
  }

  // MARK: Asking

  private func read(_ query: KeyQuery, in session: Connection) async throws -> Reading {
    do throws(DatabaseError) {
      try await session.execute(
        "BEGIN; SET LOCAL statement_timeout = \(timeout.components.seconds * 1000);"
          + " SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off;"
          + " SET LOCAL max_parallel_workers_per_gather = 0")
      try await session.execute("PREPARE lockstep_key_query AS \(query.sql)")
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
    let call = "EXECUTE lockstep_key_query" + (query.parameters.map { "(\($0))" } ?? "")
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
    for name in first.relations.map(\.sql).sorted() {
      try await session.execute("ANALYZE \(name)")
      let asking = Query<Bool>("SELECT EXISTS (SELECT FROM \(name))") {
        (row) throws(ResultRow.Mismatch) in try row.bool(0)
      }
      if try await session.rows(asking).first != true { hasRows = false }
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
      hasRows: hasRows)
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
      let lines: [CheckFinding.Evidence] = [
        .init("before: \(was)", .refutes), .init("after: \(now)", .refutes),
      ]
      return [Trial(.performance, subject, .refuted, lines)]
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
      // What the planner does with an empty table tells nothing; what it could do does.
      let (old, new) =
        now.hasRows && was.hasRows ? (was.plan, now.plan) : (was.byIndex, now.byIndex)
      for lost in new.lostIndexes(since: old) {
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
    if let budget = query.budgetMilliseconds, let time = now.milliseconds {
      let words = "\(milliseconds(time)) of \(milliseconds(budget)) allowed"
      if time > budget { refute(words) } else { evidence.append(.init(words, .supports)) }
    }
    if let budget = query.budgetBuffers, let buffers = now.plan.buffers {
      let words = "\(buffers) blocks of \(budget) allowed"
      if buffers > budget { refute(words) } else { evidence.append(.init(words, .supports)) }
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
    return Trial(.performance, subject, isRefuted ? .refuted : .proven, evidence)
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
