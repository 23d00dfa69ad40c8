import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where approvals are given, taken back, and passed over; each is kept before anything leans on it.
struct ApprovalDesk: Sendable {
  var context: CommandContext
  var settings: ProjectSettings

  private var journal: JournalPlace { JournalPlace(settings, loop: context.loop) }

  /// Keeps that somebody has passed over all approvals for one run.
  ///
  /// - Throws: `Refusal` where it cannot be kept: then nothing is run.
  func recordBrokenGlass(
    _ glass: GateFacts.BrokenGlass, _ facts: GateFacts, _ plan: Plan
  ) async throws(Refusal) {
    let approver = await Approver(context, said: nil, root: settings.root)
    let approval = Approval(
      id: ApprovalDesk.newID(), at: .current, by: glass.by, alsoKnownAs: approver.alsoKnownAs,
      manner: .brokeGlass(reason: glass.reason), environment: facts.demands.environment,
      identity: facts.identity, table: facts.status.table.description,
      direction: plan.steps.first?.direction ?? .up,
      migrations: facts.subject(of: plan) { _ in nil })
    try await keep(.given(approval))
    context.output.tell(
      .warning(
        code: "broke_glass",
        "all approvals of environment \"\(facts.demands.environment)\" are passed over by"
          + " \(glass.by): \(glass.reason)",
        next: "it is kept in the journal; `lockstep approve --list` shows it"))
  }

  /// Gives an approval and returns it.
  func approve(
    _ plan: Plan, _ facts: GateFacts, _ subject: [ApprovedMigration], by approver: Approver,
    _ manner: Approval.Manner
  ) async throws(Refusal) -> Approval {
    let approval = Approval(
      id: ApprovalDesk.newID(), at: .current, by: approver.name,
      alsoKnownAs: approver.alsoKnownAs, manner: manner, environment: facts.demands.environment,
      identity: facts.identity, table: facts.status.table.description,
      direction: plan.steps.first?.direction ?? .up, migrations: subject)
    try await keep(.given(approval))
    return approval
  }

  /// Takes an approval back.
  func revoke(_ approval: Approval, by approver: Approver, reason: String?) async throws(Refusal) {
    try await keep(
      .revoked(
        ApprovalRecord.Revocation(
          approval: approval.id, at: .current, by: approver.name, reason: reason,
          identity: approval.identity)))
  }

  private func keep(_ record: ApprovalRecord) async throws(Refusal) {
    let output = context.output
    do throws(RunRecordsFailure) {
      try await journal.keep(record, warn: { output.tell($0) })
    } catch {
      var diagnostic = error.diagnostic
      diagnostic.severity = .error
      diagnostic.next = "mend that and say it again; nothing was approved, and nothing was run"
      throw Refusal(diagnostic)
    }
  }

  private static func newID() -> String {
    let now = Instant.current
    return "\(now.versionText)-\(now.fields.microsecond)-\(getpid())"
  }
}
