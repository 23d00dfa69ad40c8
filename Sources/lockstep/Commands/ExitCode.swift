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
    "no_connection": .noConnection, "connection_lost": .noConnection,
    "interrupted": .interrupted, "read_only": .refused, "protected": .refused,
    "needs_yes": .refused, "declined": .refused,
  ]
}
