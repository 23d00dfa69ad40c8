import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Further runs of a migration while others are at work on the tables that it locks.
extension ScratchRun {
  /// Applies it while others are at work, without a lock budget and with one; it is applied in the end.
  ///
  /// - Returns: `nil` where it locks no table that was there.
  func contend(_ status: MigrationStatus, _ seen: RehearsedMigration) async throws
    -> [ContentionRun]?
  {
    let tables = lockedTables(seen)
    guard !tables.isEmpty else { return nil }
    var runs: [ContentionRun] = []
    for budget in budgets {
      guard try await run(.only(status.version, .down)).failure == nil else { break }
      let run = try await contendedRun(status, tables, budget)
      runs.append(run)
      // What comes next needs it applied.
      if !run.hasApplied { _ = try await self.run(again(status)) }
    }
    return runs
  }

  /// Applies one that nothing leads back from while others are at work, each time on a copy of its own.
  ///
  /// - Returns: No runs where it locks no table that was there; `gap` tells why it could not be tried, or not
  ///   with each budget.
  func contendOnCopies(
    _ status: MigrationStatus, _ seen: RehearsedMigration
  ) async throws -> (runs: [ContentionRun]?, gap: String?) {
    let tables = lockedTables(seen)
    guard !tables.isEmpty else { return (nil, nil) }
    var runs: [ContentionRun] = []
    for budget in budgets {
      let copy: ScratchDatabase
      do {
        copy = try await scratch.another()
      } catch {
        try Task.checkCancellation()
        let reason = (error as? any Explainable)?.diagnostic.what ?? "\(error)"
        return (runs.isEmpty ? nil : runs, "with others at work: no further copy: \(reason)")
      }
      do {
        let other = on(copy)
        if let failure = try await other.lead(to: status) {
          await rehearsal.loop.undisturbed { await copy.drop() }
          return (
            runs.isEmpty ? nil : runs, "with others at work: on a further copy \(failure.what)"
          )
        }
        runs.append(try await other.contendedRun(status, tables, budget))
        await rehearsal.loop.undisturbed { await copy.drop() }
      } catch {
        await rehearsal.loop.undisturbed { await copy.drop() }
        throw error
      }
    }
    return (runs, nil)
  }

  private var budgets: [LockBudget] {
    let own = rehearsal.options.lockBudget
    return [
      .off, own.isOn ? own : LockBudget.filled(timeout: .milliseconds(100), attempts: 8),
    ]
  }

  /// Brings a fresh copy to where this one was before the migration.
  ///
  /// - Returns: What stood against it; `nil` where nothing did.
  private func lead(to status: MigrationStatus) async throws -> Diagnostic? {
    for applied in course.rolledBack {
      if let failure = try await run(.only(applied.version, .down)).failure { return failure }
    }
    for earlier in course.rehearsed.prefix(while: { $0.version != status.version }) {
      if let failure = try await run(again(earlier)).failure { return failure }
    }
    return nil
  }

  private func contendedRun(
    _ status: MigrationStatus, _ tables: [QualifiedName], _ budget: LockBudget
  ) async throws -> ContentionRun {
    let contention = try await Contention(on: tables, of: scratch.target, loop: rehearsal.loop)
    let attempts = Mutex(0)
    let began = ContinuousClock.now
    let up: Outcome
    do {
      up = try await run(
        again(status), budget: budget,
        onEvent: { event in
          if case .lockAttempt = event { attempts.withLock { $0 += 1 } }
        })
    } catch {
      _ = await contention.end()
      throw error
    }
    let time = milliseconds(since: began)
    return ContentionRun(
      budget: budget, hasApplied: up.failure == nil, steppedAside: attempts.withLock { $0 },
      durationMilliseconds: time, stalls: await contention.end())
  }

  /// Tables that were there and that it keeps somebody from, the most strongly locked first.
  private func lockedTables(_ seen: RehearsedMigration) -> [QualifiedName] {
    let locks = seen.statements.flatMap { $0.evidence?.locks ?? [] }.strongest
    return locks.filter {
      $0.mode > .rowExclusive && ($0.kind == .table || $0.kind == .partitionedTable)
    }.prefix(Contention.mostTables).map(\.relation)
  }
}
