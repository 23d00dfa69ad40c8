import MigrationModel
import Postgres

extension ProtectedRun {
  /// Makes the health check that a run which was killed still owes.
  ///
  /// - Parameter plan: Of this project; it tells by which locks runners keep apart.
  /// - Returns: `nil` where no check is asked for, or where a runner is at work: the run may be his.
  /// - Throws: `DatabaseError`, `CancellationError`.
  public func catchUp(_ plan: Plan, in session: Connection) async throws -> HealthCheck? {
    guard let demand = demands.health else { return nil }
    let lock = AdvisoryLock(connection: session, keys: runner.keys(for: plan, session))
    let holder = try await lock.acquire(patience: .zero, onHolder: { _ in })
    guard holder == nil else { return nil }
    let asking = HealthAsking(demand, target: runner.target, loop: runner.loop)
    let loop = runner.loop
    do throws(CancellationError) {
      let check = try await asking.run()
      await loop.undisturbed { await lock.release() }
      return check
    } catch {
      await loop.undisturbed { await lock.release() }
      throw error
    }
  }
}
