import Diagnostics
import MigrationModel

extension ProjectSettings {
  /// What the environment demands before a run and is not there: the same for every command and for the
  /// dashboard, and nothing on a command line stands in for it.
  var gates: [Diagnostic] { [missingApproval, missingSafeguards].compactMap { $0 } }

  private var missingApproval: Diagnostic? {
    guard rules.isProtected, let environment else { return nil }
    return .error(
      code: "not_approved",
      "environment \"\(environment.value)\" is protected, and this is not approved",
      details: [.init("from", environment.origin)],
      next:
        "this version of Lockstep cannot record an approval; `--dry-run` shows the SQL; nothing "
        + "was done")
  }

  /// Rules of the environment that this version cannot keep are never skipped in silence.
  private var missingSafeguards: Diagnostic? {
    guard rules.backup != .none || rules.health != nil || rules.rollsBackAutomatically else {
      return nil
    }
    return Diagnostic(
      .error, code: "not_in_this_version",
      "environment \"\(rules.name)\" asks for a backup or a health check, which this version cannot "
        + "make", at: rules.place?.description,
      next: "take backup, health and auto_rollback out of its rules and see to them by hand; "
        + "nothing was done")
  }
}
