import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// Asks whether what uses the database is well.
public struct HealthAsking: Sendable {
  public var demand: HealthDemand
  public var target: ConnectionString
  public var loop: EventLoop

  public init(_ demand: HealthDemand, target: ConnectionString, loop: EventLoop) {
    self.demand = demand
    self.target = target
    self.loop = loop
  }

  /// Asks once.
  ///
  /// - Throws: `CancellationError`; nothing is known then.
  public func run() async throws(CancellationError) -> HealthCheck {
    let began = ContinuousClock.now
    let (outcome, answer): (HealthCheck.Outcome, String)
    switch demand.way {
    case .sql(let sql): (outcome, answer) = await judge(sql)
    case .command(let arguments): (outcome, answer) = try await ask(arguments)
    case .url(let url):
      // By way of standard input: an address may bear a password, which the list of processes shows.
      // A line break would begin another setting of curl's.
      let quoted = url.filter { !$0.isNewline }
        .reduce(into: "") { $0 += $1 == "\"" || $1 == "\\" ? "\\\($1)" : "\($1)" }
      (outcome, answer) = try await ask(
        [
          "curl", "--config", "-", "--fail", "--silent", "--show-error", "--output", "/dev/null",
          "--write-out", "%{http_code}",
        ], input: Array("url = \"\(quoted)\"\n".utf8))
    }
    if Task.isCancelled { throw CancellationError() }
    return HealthCheck(
      way: demand.way.word, question: demand.way.words, outcome: outcome, answer: answer,
      durationMilliseconds: milliseconds(since: began))
  }

  // MARK: SQL

  /// In a session of its own, as a user's would be, which may write nothing.
  private func judge(_ sql: String) async -> (HealthCheck.Outcome, String) {
    do throws(DatabaseError) {
      let session = try await Connection.open(
        target, application: "lockstep health",
        settings: [
          ("statement_timeout", "\(demand.wholeMilliseconds)"),
          ("default_transaction_read_only", "on"),
        ], loop: loop)
      let rows = try await session.rows(Query<String?>(sql) { row in row.optionalString(0) })
      return HealthAsking.judge(rows)
    } catch {
      return (.failed, error.diagnostic.what)
    }
  }

  /// True, a text, or a number other than zero passes; false, zero, nothing, NULL and the empty text do
  /// not. A count that passes whatever it is would be a check that cannot fail: which counts are good, a
  /// condition says (`select count(*) = 0 …`).
  static func judge(_ rows: [String?]) -> (HealthCheck.Outcome, String) {
    guard let first = rows.first else { return (.failed, "no row") }
    guard let value = first else { return (.failed, "NULL") }
    switch value {
    case "": return (.failed, "an empty text")
    case "f", "false": return (.failed, "false")
    case "t": return (.passed, "true")
    default:
      guard Double(value) != 0 else { return (.failed, "\(value.prefix(80)), which is as false") }
      return (.passed, String(value.prefix(80)))
    }
  }

  // MARK: Programs

  private func ask(
    _ arguments: [String], input: [UInt8] = []
  ) async throws(CancellationError) -> (HealthCheck.Outcome, String) {
    var environment = ChildProcess.ownEnvironment
    environment.merge(target.environment) { _, said in said }
    let process = SupervisedProcess(
      ChildProcess(arguments, environment: environment), input: input, timeout: demand.timeout)
    let end: SupervisedProcess.End
    do throws(ChildProcess.CannotStart) {
      end = try await process.run()
    } catch {
      return (.failed, "\(error.program): \(error.reason)")
    }
    switch end {
    case .cancelled: throw CancellationError()
    case .late: return (.failed, "no answer within \(demand.wholeMilliseconds) ms")
    case .ended(let outcome):
      guard outcome.status == 0 else { return (.failed, outcome.failureWords(of: arguments[0])) }
      let line = String(decoding: outcome.output, as: UTF8.self)
        .split(separator: "\n" as Character).last
      return (.passed, line.map { String($0.prefix(80)) } ?? "status 0")
    }
  }
}

extension HealthDemand {
  var wholeMilliseconds: Int64 {
    let parts = timeout.components
    return max(1, parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000)
  }
}
