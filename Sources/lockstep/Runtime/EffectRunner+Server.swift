import Dashboard
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

extension EffectRunner {
  /// Opens the sessions, and opens them anew whenever they are lost.
  func keepConnected() async {
    var patience = Duration.seconds(1)
    while !Task.isCancelled {
      do {
        try await connect()
        patience = .seconds(1)
        await untilLost()
        if Task.isCancelled { return }
      } catch {
        if Task.isCancelled { return }
        let rest = Int64(patience.components.seconds) * 1_000_000
        var diagnostic = Diagnostic(explaining: error)
        if let advice = program.connectionAdvice { diagnostic.next = advice }
        send(
          .connectionChanged(
            .lost(
              diagnostic,
              retryAt: Instant(microseconds: Instant.current.microseconds + rest))))
      }
      guard (try? await loop.sleep(for: patience)) != nil else { return }
      patience = min(patience * 2, .seconds(30))
      send(.connectionChanged(.connecting))
    }
  }

  private func connect() async throws {
    let session = try await Connection.open(
      program.connection, application: "lockstep dashboard",
      settings: [("default_transaction_read_only", "on")], loop: loop)
    let monitor = try await MigrationEngine.LockMonitor.open(program.connection, loop: loop)
    try await monitor.loadNames()
    let rights = try await monitor.sessionRights()
    let database = DatabaseFacts(of: session)
    connection = session
    self.monitor = monitor
    send(
      .connectionChanged(
        .connected(
          ConnectionState.Server(
            version: database.serverVersion,
            majorVersion: database.serverVersionNumber / 10_000,
            rights: rights))))
  }

  /// Has the sessions opened anew where an error shows that they are lost.
  func noteLoss(_ error: any Error) {
    guard let error = error as? DatabaseError, case .connectionLost = error else { return }
    lose(error.diagnostic)
  }

  /// Looks at the locks and tells what was seen.
  func sampleLocks(_ sampling: LockSampling) async {
    guard let monitor else {
      return send(.locksFailed(.error(code: "no_connection", "no connection"), at: .current))
    }
    do {
      switch sampling {
      case .count:
        let (count, cost) = try await monitor.waiting()
        send(
          .locksSampled(
            LockSample(
              at: .current, costMilliseconds: cost.milliseconds, content: .waiting(count))))
      case .full, .verified:
        let look = try await monitor.look(verifies: sampling == .verified)
        var sample = LockSample(
          at: .current, costMilliseconds: look.cost.milliseconds,
          content: .full(look.snapshot, look.graph, names: look.names, ours: ours))
        if sampling == .verified {
          sample.verification = LockVerification(look.snapshot, server: look.blockers ?? [:])
        }
        sample.builds = Array(look.building.values)
        send(.locksSampled(sample))
      }
    } catch {
      send(.locksFailed(Diagnostic(explaining: error), at: .current))
      noteLoss(error)
    }
  }

  /// Asks how large tables are.
  func measureTables(_ names: [QualifiedName]) async {
    var sizes: [QualifiedName: TableSize] = [:]
    do {
      sizes = try await monitor?.tableSizes(of: names) ?? [:]
    } catch {
      // What is unknown is shown as such; a lost session is noticed by the next look.
    }
    send(.tablesMeasured(sizes, asked: names, at: .current))
  }

  /// Cancels a statement or ends a session, keeps that it was asked for, and says what came of it.
  func signal(_ signal: SessionSignal) async {
    var outcome = AuditEvent.Outcome.failed("no connection")
    if let monitor {
      do {
        let isDone = try await monitor.signal(signal.session, ends: signal.action == .end)
        outcome = isDone ? .signalled : .changed
      } catch {
        outcome = .failed(Diagnostic(explaining: error).what)
        noteLoss(error)
      }
    }
    let session = signal.session
    let event = AuditEvent(
      at: .current, by: loaded.map { program.runBy($0.sessionUser) } ?? program.runBy(""),
      action: signal.action, pid: session.pid, user: session.user,
      application: session.application, backendStart: session.backendStart,
      queryStart: session.queryStart, victims: signal.victims.count, outcome: outcome)
    // The session that keeps it may itself be waiting for what was just freed, or was not.
    send(.signalled(signal, outcome, at: .current))
    await keep(event)
  }

  private func keep(_ event: AuditEvent) async {
    guard let journal = program.journal, let connection else { return }
    let (failures, report) = AsyncStream.makeStream(of: Diagnostic.self)
    await journal.keep(event, in: connection, warn: { report.yield($0) })
    report.finish()
    for await failure in failures { send(.failed(failure)) }
  }

  /// Notices within two seconds what other runners write to the history.
  ///
  /// Asks the counters of the statistics, which cost next to nothing, and not the table itself.
  func watchHistory() async {
    while !Task.isCancelled {
      guard (try? await loop.sleep(for: .seconds(2))) != nil else { return }
      guard let connection, let table = loaded?.table, !facts.isRunning, !facts.isFrozen else {
        continue
      }
      do {
        let found = try await historyMark(of: table, in: connection)
        if found != historyMark { send(.historyChanged) }
      } catch {
        historyQuestion = nil
        noteLoss(error)
      }
    }
  }

  /// Asks whether anybody wrote to the history, with a question that is prepared in the session: planning
  /// it each time would cost the server more than the answer.
  private func historyMark(
    of table: QualifiedName, in connection: Connection
  ) async throws(DatabaseError) -> String? {
    if historyQuestion?.pid != connection.processID || historyQuestion?.table != table {
      try await connection.execute(
        "deallocate all; prepare lockstep_history as \(HistoryProbe.text(SQLText.literal(table.sql)))"
      )
      historyQuestion = (connection.processID, table)
    }
    return try await connection.rows(
      Query("execute lockstep_history", decode: HistoryProbe.mark)
    ).first
  }
}
