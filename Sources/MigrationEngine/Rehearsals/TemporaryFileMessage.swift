/// What the server tells a session of a temporary file that it has done with, where `log_temp_files` and
/// `client_min_messages` ask for it.
///
/// Source: PostgreSQL 13 to 18, `ReportTemporaryFileUsage` in `fd.c`: `temporary file: path "base/pgsql_tmp/…",
/// size N`, in the language of the server.
enum TemporaryFileMessage {
  /// Of such messages, in every language.
  static let severity = "LOG"

  /// What makes a session tell of them; only a superuser may set the first.
  static let settings = [
    (name: "log_temp_files", value: "0"), (name: "client_min_messages", value: "log"),
  ]

  /// The size of the file; `nil` where the message is about something else.
  static func bytes(_ message: String) -> Int64? {
    guard message.contains("pgsql_tmp") else { return nil }
    return Int64(String(message.reversed().prefix { $0.isNumber }.reversed()))
  }
}
