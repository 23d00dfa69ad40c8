import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

/// A query of the project that returns `issue, count` for what must not be there.
///
/// A file may hold several; each statement is one.
struct Assertion: Sendable, Hashable {
  var file: String
  /// Of the file, from 1.
  var line: Int
  var sql: String

  var subject: String { "assertion \(file):\(line)" }

  /// The statements of a file.
  static func all(in text: String, file: String) -> [Assertion] {
    let bytes = Array(text.utf8)
    return SQLScript.statements(in: text).map { statement in
      Assertion(
        file: file, line: statement.line,
        sql: String(decoding: bytes[statement.range], as: UTF8.self))
    }
  }

  /// What came of asking once.
  enum Answer: Sendable, Hashable {
    /// The server's words.
    case refused(String)
    /// Its rows are not `issue, count`.
    case unreadable
    /// What was counted, nothing of it 0; empty where all is well.
    case issues([Issue])
  }

  struct Issue: Sendable, Hashable {
    var issue: String
    var count: Int64
  }

  /// Asks, in a transaction that cannot write.
  ///
  /// - Throws: `DatabaseError` but the server's own refusal, which is an answer.
  func ask(_ session: Connection) async throws -> Answer {
    let query = Query<(String, Int64?, Int)>(sql) { row in
      guard row.count >= 2 else { return ("", nil, row.count) }
      return (row.optionalString(0) ?? "", row.optionalString(1).flatMap { Int64($0) }, row.count)
    }
    do throws(DatabaseError) {
      try await session.execute("BEGIN READ ONLY; SET LOCAL statement_timeout = '60s'")
      let rows = try await session.rows(query)
      try await session.execute("ROLLBACK")
      guard rows.allSatisfy({ $0.1 != nil }) else { return .unreadable }
      return .issues(
        rows.compactMap { row in
          guard let count = row.1, count > 0 else { return nil }
          return Issue(issue: row.0, count: count)
        })
    } catch {
      guard let server = error.serverError else { throw error }
      try await session.execute("ROLLBACK")
      try Task.checkCancellation()
      return .refused("\(server.message) (SQLSTATE \(server.sqlstate))")
    }
  }

  /// What an answer of the target proves.
  func trialOnTarget(_ answer: Answer, isPending: Bool) -> Trial {
    switch answer {
    case .issues(let issues) where issues.isEmpty:
      return Trial(.assertions, subject, .proven, [.init("nothing found on the target", .supports)])
    case .issues(let issues):
      return Trial(.assertions, subject, .refuted, Assertion.lines(issues, "on the target"))
    case .unreadable: return unreadable
    case .refused(let words):
      let when = isPending ? "the target cannot answer it yet" : "the target cannot answer it"
      return Trial(
        .assertions, subject, isPending ? .notProven : .refuted,
        [.init("\(when): \(words)", isPending ? .unclear : .refutes)])
    }
  }

  /// What the answers of a copy prove; `nil` where they add nothing to what the target says.
  func trialOnCopy(before: Answer, after: Answer) -> Trial? {
    switch after {
    case .issues(let issues) where issues.isEmpty: return nil
    case .issues(let issues):
      if before == after { return nil }
      return Trial(.assertions, subject, .refuted, Assertion.lines(issues, "after the migration"))
    case .unreadable: return unreadable
    case .refused(let words):
      return Trial(
        .assertions, subject, .refuted,
        [.init("it cannot be answered after the migration: \(words)", .refutes)])
    }
  }

  private var unreadable: Trial {
    Trial(
      .assertions, subject, .notProven,
      [
        .init(
          "its rows are not a text and a count: SELECT 'what is wrong' AS issue, count(*)", .unclear
        )
      ])
  }

  private static func lines(_ issues: [Issue], _ place: String) -> [CheckFinding.Evidence] {
    issues.prefix(20).map { .init("\(place): \($0.issue): \($0.count)", .refutes) }
  }
}

/// Asks the project's assertions on the copy before and after a migration.
struct AssertionProbe: ScratchProbe {
  var assertions: [Assertion]
  private var earlier: [Assertion.Answer] = []

  init(_ assertions: [Assertion]) { self.assertions = assertions }

  mutating func before(_ scene: ScratchScene) async throws {
    earlier = []
    for assertion in assertions { earlier.append(try await assertion.ask(scene.session)) }
  }

  mutating func after(_ scene: ScratchScene) async throws -> [Trial] {
    var trials: [Trial] = []
    for (assertion, before) in zip(assertions, earlier) {
      let after = try await assertion.ask(scene.session)
      if let trial = assertion.trialOnCopy(before: before, after: after) { trials.append(trial) }
    }
    return trials
  }
}
