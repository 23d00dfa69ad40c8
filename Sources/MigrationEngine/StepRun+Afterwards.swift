import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

extension StepRun {
  /// What a layout's tool does after its runs, as far as something was changed.
  func finish(_ outcome: Runner.Outcome) async {
    await dropSettledRows()
    let counts = outcome.counts
    guard counts.applied + counts.reverted > 0 else { return }
    if loaded.layout.rules.history == .currentVersionOnly { await recordPosition() }
    guard let path = runner.options.schemaFile, loaded.layout.rules.dumpsSchema else { return }
    let dump = SchemaFile(path: path, target: runner.target)
    do {
      try await dump.write(history: loaded.layout, table: plan.table, connection)
      report(.schemaWritten(path: path))
    } catch {
      var diagnostic = Diagnostic(explaining: error)
      diagnostic.severity = .warning
      report(.message(diagnostic))
    }
  }

  /// Takes away journal rows that the history contradicts: somebody has settled these runs by hand or
  /// with the tool.
  private func dropSettledRows() async {
    for run in loaded.history.unfinished
    where !loaded.status.migrations.contains(where: { $0.unfinished == run })
      && !plan.steps.contains(where: { $0.version == run.version })
    {
      // Where the row cannot be deleted it goes on being ignored.
      _ = try? await connection.execute(transaction(journal.end(run.version), elapsed: "").sql)
    }
  }

  func recordPosition() async {
    guard let rows = try? await connection.rows(loaded.layout.readHistory(plan.table)),
      let current = rows.first?.version.number
    else { return }
    let versions = loaded.catalog.migrations.compactMap(\.version.number).filter { $0 <= current }
    // Files that were pending out of order before the run are still not applied.
    let skipped = Set(
      loaded.status.migrations.filter { $0.state == .pending }.compactMap(\.version.number)
    ).subtracting(plan.steps.filter { $0.direction == .up }.compactMap(\.version.number))
    let failure = PositionLog(root: runner.project.root).record(
      versions.filter { !skipped.contains($0) }, layout: plan.layout, table: plan.table,
      database: connection.database)
    if let failure {
      report(
        .message(
          .warning(
            code: "journal_not_written", "the journal in .lockstep cannot be written: \(failure)",
            next: "an older file that is added later will look applied")))
    }
  }
}
