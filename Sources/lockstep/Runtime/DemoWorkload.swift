import EventLoop
import Postgres

/// The pretended programs at work, so that there is something to see: each with a session of its own.
struct DemoWorkload: Sendable {
  var target: ConnectionString
  var loop: EventLoop
  var clients = DemoData.workload

  /// How long a client waits after an error, or before it connects again, as a program's pool would.
  private static let patience = Duration.seconds(1)

  /// Works until the task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      for client in clients {
        group.addTask { await work(as: client) }
      }
    }
  }

  private func work(as client: DemoData.Client) async {
    while !Task.isCancelled {
      do {
        let connection = try await Connection.open(target, application: client.name, loop: loop)
        try await repeatSteps(of: client, on: connection)
      } catch {
        // Somebody has ended the session, or the server is restarting: the client comes back.
        do { try await loop.sleep(for: DemoWorkload.patience) } catch { return }
      }
    }
  }

  private func repeatSteps(of client: DemoData.Client, on connection: Connection) async throws {
    while true {
      try Task.checkCancellation()
      do throws(DatabaseError) {
        for step in client.steps { try await take(step, on: connection) }
      } catch {
        guard error.serverError != nil else { throw error }
        try await connection.execute("ROLLBACK")
        try await loop.sleep(for: DemoWorkload.patience)
      }
    }
  }

  private func take(
    _ step: DemoData.Step, on connection: Connection
  ) async throws(DatabaseError) {
    switch step {
    case .run(let sql): try await connection.execute(sql)
    case .pause(let duration):
      // A cancelled pause ends early; the next step of the loop sees the cancellation.
      do { try await loop.sleep(for: duration) } catch { return }
    }
  }
}
