import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Reads the locks of a session again and again while it runs a statement that cannot be looked at
/// between, from another database, so that nothing waits for its snapshots.
///
/// A lock that is only asked for counts as well: it is granted once whoever is in the way has gone. So that
/// there is something to see, somebody is in the way for a moment: an older transaction for the forms that
/// wait for those, a holder of the tables for the others.
final class LockSampler: Sendable {
  struct Seen: Sendable, Hashable {
    /// `nil` for what is no relation.
    var relation: String?
    var mode: LockMode?
    var isGranted: Bool
  }

  private let state = Mutex(State())
  private let session: Connection

  private struct State {
    var seen: Set<Seen> = []
    var isReady = false
    var waiting: CheckedContinuation<Void, Never>?
    var hasWaited = false
    var task: Task<Void, Never>?
    var obstacle: Task<Void, Never>?
  }

  private init(_ session: Connection) { self.session = session }

  /// How long somebody is in the way at most.
  private static let patience = Duration.milliseconds(500)

  /// Begins to look at a session; returns once it does.
  ///
  /// - Parameters:
  ///   - place: Another database of the same server.
  ///   - obstacle: A session with the scratch copy, and what it holds until the statement waits.
  static func begin(
    of pid: Int32, from place: ConnectionString, obstacle: (session: Connection, sql: String)?,
    loop: EventLoop
  ) async throws(DatabaseError) -> LockSampler {
    let session = try await Connection.open(
      place, application: "lockstep rehearse",
      settings: [("client_min_messages", "notice"), ("jit", "off")], loop: loop)
    let sampler = LockSampler(session)
    if let obstacle {
      // Where it cannot be held, less is seen.
      _ = try? await obstacle.session.execute(obstacle.sql)
    }
    await withCheckedContinuation { ready in
      sampler.state.withLock { $0.waiting = ready }
      let task = Task(executorPreference: loop) { await sampler.sample(pid) }
      sampler.state.withLock { $0.task = task }
    }
    if let obstacle {
      let task = Task(executorPreference: loop) {
        var rest = patience / .milliseconds(10)
        while rest > 0, !Task.isCancelled, !sampler.state.withLock({ $0.hasWaited }) {
          _ = try? await loop.sleep(for: .milliseconds(10))
          rest -= 1
        }
        await loop.undisturbed { _ = try? await obstacle.session.execute("ROLLBACK") }
      }
      sampler.state.withLock { $0.obstacle = task }
    }
    return sampler
  }

  /// Stops looking, and tells what was seen.
  func end() async -> Set<Seen> {
    let (task, obstacle) = state.withLock { ($0.task, $0.obstacle) }
    obstacle?.cancel()
    await obstacle?.value
    task?.cancel()
    await task?.value
    return state.withLock { $0.seen }
  }

  private func sample(_ pid: Int32) async {
    _ = try? await session.execute(Self.loop(pid)) { notice in self.heard(notice.message) }
    // A server that refuses it keeps nobody waiting.
    becomeReady()
  }

  private func heard(_ message: String) {
    let words = message.split(separator: " " as Character)
    guard words.first == "lockstep" else { return }
    guard words.count == 4 else { return becomeReady() }
    let seen = Seen(
      relation: words[1] == "0" ? nil : String(words[1]), mode: LockMode(catalogName: words[2]),
      isGranted: words[3] == "true")
    state.withLock { state in
      state.seen.insert(seen)
      if !seen.isGranted { state.hasWaited = true }
    }
  }

  private func becomeReady() {
    let waiting = state.withLock { state in
      state.isReady = true
      defer { state.waiting = nil }
      return state.waiting
    }
    waiting?.resume()
  }

  /// As fast as it can for two seconds, then more slowly: whatever lasts longer needs no haste.
  private static func loop(_ pid: Int32) -> String {
    """
    DO $$ DECLARE seen text[] := '{}'; one text; began timestamptz := clock_timestamp(); BEGIN
      RAISE NOTICE 'lockstep ready';
      LOOP
        FOR one IN SELECT DISTINCT s.k FROM (
            SELECT coalesce(l.relation, 0) || ' ' || l.mode || ' ' || l.granted AS k
            FROM pg_catalog.pg_lock_status() l
            WHERE l.pid = \(pid) AND (l.locktype = 'relation' OR NOT l.granted)) s
          WHERE s.k <> ALL (seen)
        LOOP
          seen := seen || one;
          RAISE NOTICE 'lockstep %', one;
        END LOOP;
        IF clock_timestamp() > began + interval '2 s' THEN PERFORM pg_catalog.pg_sleep(0.002); END IF;
      END LOOP;
    END $$
    """
  }
}
