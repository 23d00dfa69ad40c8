import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Keeps what a run does while it does it; a journal that cannot be written is told once and costs nothing
/// else.
public final class RunRecording: Sendable {
  private let recorder: Mutex<RunRecorder>
  private let plan: Plan
  private let queue: RecordQueue
  private let writer: Task<Void, Never>

  /// - Parameters:
  ///   - start: Who runs what, and where.
  ///   - records: Where it is kept.
  ///   - loop: The loop on which the run's events are told.
  ///   - warn: Told, on the loop, when a record could not be written.
  public init(
    _ start: RunStart, of plan: Plan, in records: any RunRecords, loop: EventLoop,
    warn: @escaping @Sendable (Diagnostic) -> Void
  ) {
    self.plan = plan
    recorder = Mutex(RunRecorder(start, plan: plan))
    let queue = RecordQueue()
    self.queue = queue
    writer = Task(executorPreference: loop) {
      var hasWarned = false
      while let batch = await queue.next() {
        do throws(RunRecordsFailure) {
          try await records.append(batch)
        } catch {
          if !hasWarned { warn(error.diagnostic) }
          hasWarned = true
        }
      }
    }
  }

  /// Takes an event of the run.
  public func take(_ event: RunEvent) {
    let now = Instant.now
    queue.add(recorder.withLock { $0.records(of: event, at: now) })
  }

  /// Takes the end, and waits until all is written.
  ///
  /// - Parameter outcome: `nil` where an error kept the run from its first step.
  public func end(_ outcome: Runner.Outcome?) async {
    let now = Instant.now
    let counts = outcome?.counts ?? (applied: 0, reverted: 0)
    for step in plan.steps.prefix(counts.applied + counts.reverted) where step.units.isEmpty {
      queue.add(recorder.withLock { $0.marked(step, at: now) })
    }
    // Of a run that was refused before anything began, nothing is kept.
    let word = outcome?.recorded ?? .failed
    queue.add(
      recorder.withLock {
        $0.end(word, applied: counts.applied, reverted: counts.reverted, at: now)
      })
    queue.finish()
    await writer.value
  }
}

extension Runner.Outcome {
  /// The word under which it is kept; what was refused once its backup had been taken has failed.
  fileprivate var recorded: RunEnd.Outcome {
    switch self {
    case .finished: .finished
    case .failed, .refused, .stale, .busy: .failed
    case .interrupted: .interrupted
    case .declined: .declined
    }
  }
}

extension RunStart {
  /// What is known when a plan is about to run.
  ///
  /// - Parameters:
  ///   - by: Who is recorded where the layout records it.
  ///   - lockstep: The program's version.
  ///   - asks: What the environment asks a run to see to.
  public init(
    _ plan: Plan, by: String, identity: DatabaseIdentity, user: String, environment: String?,
    lockstep: String, asks: [String] = []
  ) {
    let now = Instant.now
    let host = FileRecords.hostName()
    self.init(
      id: "\(now.versionText)-\(now.fields.microsecond)-\(host)-\(getpid())", at: now, by: by,
      host: host, version: lockstep, identity: identity, user: user, environment: environment,
      layout: plan.layout, table: plan.table.description, request: plan.request.words, asks: asks)
  }
}

extension DatabaseIdentity {
  /// Asks a session what it is connected to.
  public static func of(_ connection: Connection) async -> DatabaseIdentity {
    let oid = """
      (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      """
    func numbers(_ text: String) async -> [String?]? {
      let query = Query<[String?]>(text) { row in [row.optionalString(0), row.optionalString(1)] }
      return try? await connection.rows(query).first
    }
    // A role that may not see the cluster's number, or a server that hides it, leaves the place to tell.
    let both = await numbers(
      "SELECT \(oid), system_identifier::text FROM pg_catalog.pg_control_system()")
    var found = both
    if found == nil { found = await numbers("SELECT \(oid), NULL") }
    let port = connection.port.map { ":\($0)" } ?? ""
    return DatabaseIdentity(
      database: connection.database, server: connection.host + port, system: found?[1],
      oid: found?[0])
  }
}

extension Instant {
  /// This moment by the clock of the system.
  static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}
