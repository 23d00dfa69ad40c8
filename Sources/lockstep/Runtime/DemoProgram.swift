import Diagnostics
import EventLoop
import MigrationEngine

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `lockstep demo`: a private PostgreSQL with the sample migrations, pretended programs at work on it, and
/// the dashboard on top; nothing is left of it afterwards.
struct DemoProgram: Sendable {
  /// Where the cluster is kept; `nil` throws it away.
  var keepIn: String?
  var loop: EventLoop
  /// Told a line at a time what happens before the screen opens and after it closed.
  var say: @Sendable (String) -> Void

  /// Runs the demonstration. What the user's environment says of other servers is forgotten for the rest of
  /// this process.
  ///
  /// - Parameter open: Opens the dashboard and returns when it was left; signals are its own business.
  /// - Returns: What `open` returned.
  /// - Throws: `PrivateCluster.Failure`, `Refusal` with the code `interrupted` when a signal came before the
  ///   dashboard was opened, what `DemoSite.prepare` throws, and what `open` throws; the cluster is gone then,
  ///   too.
  func run<Result: Sendable>(
    _ open: @escaping @Sendable (DemoSite) async throws -> Result
  ) async throws -> Result {
    forgetOtherServers()
    let (cluster, site) = try await prepareHeedingSignals()
    do {
      let result = try await withWorkload(on: site, open)
      await BlockingWork.run { cluster.stopBlocking() }
      if keepIn != nil { tellHowToReturn(to: cluster) }
      return result
    } catch {
      await BlockingWork.run { cluster.stopBlocking() }
      throw error
    }
  }

  private func withWorkload<Result: Sendable>(
    on site: DemoSite, _ open: @Sendable (DemoSite) async throws -> Result
  ) async throws -> Result {
    let workload = DemoWorkload(target: site.target, loop: loop)
    // Not waited for: its sessions end with the server, at the latest.
    let work = Task(executorPreference: loop) { await workload.run() }
    defer { work.cancel() }
    return try await open(site)
  }

  // MARK: Preparing

  private typealias Prepared = (cluster: PrivateCluster, site: DemoSite)

  /// A signal that asks for the end breaks the preparation off in an orderly way.
  private func prepareHeedingSignals() async throws -> Prepared {
    let work = Task(executorPreference: loop) { try await prepare() }
    let ear = Task(executorPreference: loop) {
      guard let signals = SignalPipe(loop: loop) else { return false }
      while let numbers = try? await signals.next() {
        if numbers.contains(SIGTSTP) { SignalPipe.stopProcess() }
        guard numbers.contains(where: SignalPipe.endings.contains) else { continue }
        work.cancel()
        return true
      }
      return false
    }
    let outcome = await work.result
    ear.cancel()
    guard await ear.value else { return try outcome.get() }
    if case .success(let prepared) = outcome {
      await BlockingWork.run { prepared.cluster.stopBlocking() }
    }
    throw Refusal(DemoProgram.interrupted)
  }

  private func prepare() async throws -> Prepared {
    let keepIn = keepIn
    say("making a private PostgreSQL")
    let cluster = try await BlockingWork.run { () -> Swift.Result<PrivateCluster, any Error> in
      Swift.Result { try PrivateCluster.startBlocking(keepIn: keepIn) }
    }.get()
    do {
      try Task.checkCancellation()
      let site = try DemoSite(in: cluster)
      try await site.prepare(in: cluster, loop: loop, say: say)
      return (cluster, site)
    } catch {
      await BlockingWork.run { cluster.stopBlocking() }
      throw error
    }
  }

  private static let interrupted = Diagnostic.error(
    code: "interrupted", "interrupted while the demonstration was being made",
    next: "nothing was left behind")

  // MARK: Words

  private func tellHowToReturn(to cluster: PrivateCluster) {
    say("kept in \(cluster.directory)")
    say("  again:   lockstep demo --keep \(cluster.directory)")
    say(
      "  without: \(cluster.binaries)/pg_ctl -D \(cluster.directory)/data start, then"
        + " psql '\(cluster.url(database: DemoSite.database))'")
  }

  /// `PGPORT`, `PGSERVICE`, `PGCHANNELBINDING` and their like would reach into every connection.
  private func forgetOtherServers() {
    for name in ChildProcess.ownEnvironment.keys where name.hasPrefix("PG") { unsetenv(name) }
  }
}
