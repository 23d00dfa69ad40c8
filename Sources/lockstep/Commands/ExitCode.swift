import Diagnostics

/// How the program ends; the numbers are a promise to scripts.
enum ExitCode: Int32, Sendable, Hashable, CaseIterable {
  case done = 0
  case failed = 1
  case wrongUsage = 2
  case pending = 3
  case refused = 4
  case noConnection = 5
  case lockNotHad = 6
  case interrupted = 130
}

extension ExitCode {
  /// For the help, in order.
  static let meanings: [(ExitCode, String)] = [
    (.done, "done"),
    (.failed, "it ran and failed"),
    (.wrongUsage, "wrong usage or configuration"),
    (.pending, "`status --exit-code`: migrations are pending"),
    (
      .refused,
      "refused: drift, missing file, dirty, out of order, irreversible, not approved, "
        + "read-only"
    ),
    (.noConnection, "no connection"),
    (.lockNotHad, "a lock could not be had in time"),
    (.interrupted, "interrupted; the running statement was cancelled"),
  ]
}

extension ExitCode {
  /// The status with which the program ends after this error: the one mapping there is.
  init(of diagnostic: Diagnostic) {
    self = ExitCode.byCode[diagnostic.code] ?? .failed
  }

  private static let byCode: [String: ExitCode] = [
    "usage": .wrongUsage, "configuration": .wrongUsage, "bad_connection_string": .wrongUsage,
    "unknown_layout": .wrongUsage, "ambiguous_layout": .wrongUsage,
    "foreign_table": .wrongUsage, "unknown_version": .wrongUsage,
    "no_directory": .wrongUsage, "unreadable_directory": .wrongUsage,
    "no_connection": .noConnection, "connection_lost": .noConnection,
    "interrupted": .interrupted, "busy": .lockNotHad, "lock_timeout": .lockNotHad,
    "read_only": .refused, "protected": .refused, "not_approved": .refused,
    "needs_yes": .refused, "loses_data": .refused, "declined": .refused, "drift": .refused,
    "missing_file": .refused, "dirty": .refused, "out_of_order": .refused,
    "duplicate_version": .refused, "irreversible": .refused, "unsupported": .refused,
    "already_applied": .refused, "not_applied": .refused, "stale_plan": .refused,
    "rollback_not_runnable": .refused, "tool_would_fail": .refused, "no_up_file": .refused,
    "not_in_transaction": .refused, "enum_value_used": .refused, "transaction_left_open": .refused,
    "bad_version": .refused, "nul_byte": .refused, "unreadable": .refused,
    "several_sections": .refused, "not_in_this_version": .refused, "not_broken_off": .refused,
    "not_resumable": .refused, "still_running": .refused, "invalid_index": .refused,
    "stray_path": .refused, "not_validated": .refused, "author_unknown": .refused,
    "no_backup": .refused, "no_health_check": .refused, "no_glass": .refused,
  ]
}
