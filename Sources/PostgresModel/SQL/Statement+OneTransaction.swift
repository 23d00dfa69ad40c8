extension Statement {
  /// Whether the statement between `BEGIN` and `COMMIT` does exactly what it does alone.
  ///
  /// Told only of what surely does: `CALL`, and a `DO` block that may call, commit or run text, may end
  /// transactions; `LOCK`, `SAVEPOINT` and their like are errors alone; `ANALYZE`, `REINDEX` and
  /// `CLUSTER` take a transaction for each table.
  ///
  /// - Parameter script: The bytes in which the statement's range lies.
  public func isSameInTransaction(in script: UnsafeBufferPointer<UInt8>) -> Bool {
    switch role {
    case .ordinary, .visibleAfterCommit, .sessionSetting: break
    default: return false
    }
    switch command {
    case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TRUNCATE", "COMMENT",
      "GRANT", "REVOKE", "SET", "RESET", "REFRESH MATERIALIZED VIEW", "SECURITY LABEL",
      "IMPORT FOREIGN SCHEMA", "REASSIGN OWNED":
      return true
    case "DO": return !mayEndTransactions(script)
    default:
      let words = command.split(separator: " " as Character, maxSplits: 1)
      guard words.count == 2, ["CREATE", "ALTER", "DROP"].contains(words[0]) else { return false }
      return !["DATABASE", "TABLESPACE", "SUBSCRIPTION", "SYSTEM"].contains(words[1])
    }
  }

  /// Whether the block holds a word that could end a transaction, if only in a comment.
  private func mayEndTransactions(_ script: UnsafeBufferPointer<UInt8>) -> Bool {
    let text = String(decoding: script[range], as: UTF8.self).lowercased()
    let words = Set(text.split { !$0.isLetter && !$0.isNumber && $0 != "_" })
    return !words.isDisjoint(with: ["call", "commit", "rollback", "execute"])
  }

  /// Whether the statement makes something that lives no longer than the session: a temporary table, a
  /// prepared statement, a cursor, a lock.
  ///
  /// - Parameter script: The bytes in which the statement's range lies.
  public func makesSessionObjects(in script: UnsafeBufferPointer<UInt8>) -> Bool {
    if ["PREPARE", "DECLARE", "LISTEN", "LOAD"].contains(command) { return true }
    let text = String(decoding: script[range], as: UTF8.self).lowercased()
    let words = text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
    if command.hasPrefix("CREATE") {
      return words.prefix(6).contains { $0 == "temp" || $0 == "temporary" || $0 == "pg_temp" }
    }
    if command == "SELECT" || command == "WITH" {
      return words.contains("pg_advisory_lock")
        || zip(words, words.dropFirst()).contains { $0 == "into" && $1.hasPrefix("temp") }
    }
    return false
  }
}
