import MigrationEngine
import MigrationModel

/// What the dashboard holds migrations against, and what proofs are made with.
struct DashboardChecks: Sendable {
  /// Read anew at each reading of the project, since its file may be edited meanwhile.
  var checklist: @Sendable () throws -> Checklist = { Checklists.staging }
  /// What the project has beside its migrations, for a layout.
  var sources: @Sendable (any Layout) -> CheckSources = { _ in CheckSources() }
}
