/// Tells the command and the role of one statement from its tokens, for every supported version.
///
/// Source for what may not stand in a transaction: the calls of `PreventInTransactionBlock` in
/// PostgreSQL 13 to 18.
struct StatementReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let setsConfiguration: Bool
  private var lexer: SQLLexer
  private var token: SQLToken

  /// - Parameters:
  ///   - bytes: The script up to the end of the statement.
  ///   - first: The statement's first token.
  ///   - setsConfiguration: Whether `set_config` occurs in the statement.
  init(_ bytes: UnsafeBufferPointer<UInt8>, first: SQLToken, setsConfiguration: Bool) {
    self.bytes = bytes
    self.setsConfiguration = setsConfiguration
    lexer = SQLLexer(bytes, at: first.end)
    token = first
  }

  /// Returns the leading words that name the command in upper case, and what it means for a run.
  consuming func commandAndRole() -> (String, Statement.Role) {
    guard token.kind == .word else {
      return (token.kind == .openParenthesis ? "SELECT" : "", .ordinary)
    }
    switch lexer.upperCase(token) {
    case "SELECT": return ("SELECT", configurationRole())
    case "INSERT": return ("INSERT", configurationRole())
    case "UPDATE": return ("UPDATE", configurationRole())
    case "DELETE": return ("DELETE", configurationRole())
    case "WITH": return ("WITH", configurationRole())
    case "VALUES": return ("VALUES", configurationRole())
    case "MERGE": return ("MERGE", configurationRole())
    case "COPY": return copy()
    case "BEGIN": return ("BEGIN", .begin)
    case "START": return start()
    case "COMMIT": return commit()
    case "END": return ("END", .commit)
    case "ROLLBACK": return rollback()
    case "ABORT": return ("ABORT", .rollback)
    case "PREPARE": return prepare()
    case "SET": return set()
    case "RESET": return ("RESET", .sessionSetting)
    case "DISCARD": return discard()
    case "CREATE": return create()
    case "ALTER": return alter()
    case "DROP": return drop()
    case "REINDEX": return reindex()
    case "VACUUM": return ("VACUUM", .notInTransaction("VACUUM"))
    case "CLUSTER": return cluster()
    case "REFRESH": return refresh()
    case "SECURITY": return named("SECURITY", "LABEL")
    case "IMPORT": return named("IMPORT", "FOREIGN", "SCHEMA")
    case "REASSIGN": return named("REASSIGN", "OWNED")
    case let word: return (word, .ordinary)
    }
  }

  // MARK: The tokens

  private mutating func advance() { token = lexer.nextSignificant() }

  private func isWord(_ word: StaticString) -> Bool { lexer.matches(token, word) }

  private mutating func take(_ word: StaticString) -> Bool {
    guard isWord(word) else { return false }
    advance()
    return true
  }

  private mutating func takeAny(_ words: StaticString...) {
    var took = true
    while took {
      took = false
      for word in words where take(word) { took = true }
    }
  }

  /// Takes a name with or without schema, in quotes or not.
  private mutating func takeName() {
    while token.kind == .word || token.kind == .quotedIdentifier {
      advance()
      guard token.kind == .punctuation, bytes[token.start] == UInt8(ascii: ".") else { return }
      advance()
    }
  }

  private mutating func takeIfExists() {
    if take("if") {
      _ = take("not")
      _ = take("exists")
    }
  }

  /// Takes a list in parentheses; `body` sees the first token of each item.
  private mutating func takeList(_ body: (inout StatementReader) -> Void = { _ in }) {
    guard token.kind == .openParenthesis else { return }
    var depth = 0
    repeat {
      let opensItem =
        (depth == 0 && token.kind == .openParenthesis)
        || (depth == 1 && token.kind == .punctuation && bytes[token.start] == UInt8(ascii: ","))
      if token.kind == .openParenthesis { depth += 1 }
      if token.kind == .closeParenthesis { depth -= 1 }
      advance()
      if opensItem { body(&self) }
    } while depth > 0 && token.kind != .end
  }

  private func named(_ words: String...) -> (String, Statement.Role) {
    (words.joined(separator: " "), .ordinary)
  }

  // MARK: Transactions

  private mutating func start() -> (String, Statement.Role) {
    advance()
    return isWord("transaction") ? ("START TRANSACTION", .begin) : ("START", .ordinary)
  }

  private mutating func commit() -> (String, Statement.Role) {
    advance()
    return isWord("prepared") ? ("COMMIT PREPARED", .twoPhase) : ("COMMIT", .commit)
  }

  private mutating func rollback() -> (String, Statement.Role) {
    advance()
    if isWord("prepared") { return ("ROLLBACK PREPARED", .twoPhase) }
    takeAny("work", "transaction")
    return isWord("to") ? ("ROLLBACK TO", .ordinary) : ("ROLLBACK", .rollback)
  }

  private mutating func prepare() -> (String, Statement.Role) {
    advance()
    guard isWord("transaction") else { return ("PREPARE", .ordinary) }
    // PREPARE transaction AS …, PREPARE transaction (int) AS … name a statement.
    advance()
    return token.kind == .string ? ("PREPARE TRANSACTION", .twoPhase) : ("PREPARE", .ordinary)
  }

  // MARK: Settings

  private mutating func set() -> (String, Statement.Role) {
    advance()
    if isWord("local") {
      advance()
      // SET local.setting = …, SET local = … name a setting.
      let namesSetting = token.kind == .punctuation || token.kind == .operation || isWord("to")
      return namesSetting ? ("SET", .sessionSetting) : ("SET LOCAL", .ordinary)
    }
    if isWord("constraints") { return ("SET CONSTRAINTS", .ordinary) }
    if isWord("transaction") { return ("SET TRANSACTION", .ordinary) }
    return ("SET", .sessionSetting)
  }

  private mutating func discard() -> (String, Statement.Role) {
    advance()
    if isWord("all") { return ("DISCARD ALL", .notInTransaction("DISCARD ALL")) }
    return ("DISCARD", .sessionSetting)
  }

  /// A call of `set_config` that is not plainly local (third argument `true`) changes the session.
  private mutating func configurationRole() -> Statement.Role {
    guard setsConfiguration else { return .ordinary }
    while token.kind != .end {
      let isName =
        isWord("set_config")
        || (token.kind == .quotedIdentifier && lexer.text(token) == "\"set_config\"")
      advance()
      if isName, token.kind == .openParenthesis, !callIsLocal() { return .sessionSetting }
    }
    return .ordinary
  }

  private mutating func callIsLocal() -> Bool {
    var argument = 0
    var isLocal = false
    takeList { reader in
      argument += 1
      if argument == 3 { isLocal = reader.takeTrue() }
    }
    return isLocal
  }

  private mutating func takeTrue() -> Bool {
    // Not taken: the list goes on from here.
    if token.kind == .string {
      return ["'t'", "'true'", "'on'", "'yes'", "'1'"].contains(lexer.text(token))
    }
    var ahead = lexer
    return isWord("true") && ahead.nextSignificant().kind == .closeParenthesis
  }

  // MARK: Copy

  private mutating func copy() -> (String, Statement.Role) {
    advance()
    _ = take("binary")
    takeName()
    takeList()
    if take("from"), isWord("stdin") || isWord("stdout") { return ("COPY", .copyFromStandardInput) }
    return ("COPY", .ordinary)
  }

  // MARK: Objects

  private mutating func create() -> (String, Statement.Role) {
    advance()
    if take("or") { _ = take("replace") }
    takeAny(
      "temp", "temporary", "global", "local", "unlogged", "unique", "recursive", "trusted",
      "procedural", "constraint", "default")
    let object = takeObject()
    let command = "CREATE " + object
    switch object {
    case "INDEX" where isWord("concurrently"):
      return (command, .notInTransaction("CREATE INDEX CONCURRENTLY"))
    case "DATABASE", "TABLESPACE": return (command, .notInTransaction(command))
    case "SUBSCRIPTION": return (command, createSubscription())
    default: return (command, .ordinary)
    }
  }

  /// A slot is made unless the options say otherwise: `create_slot = false`, or `connect = false`,
  /// which turns it off.
  private mutating func createSubscription() -> Statement.Role {
    while token.kind != .end, !isWord("with") { advance() }
    advance()
    var connects = true
    var createsSlot: Bool?
    takeList { reader in
      if reader.take("connect") { connects = reader.isOn() }
      if reader.take("create_slot") { createsSlot = reader.isOn() }
    }
    return createsSlot ?? connects
      ? .notInTransaction("CREATE SUBSCRIPTION WITH (create_slot = true)") : .ordinary
  }

  /// Whether an option whose name was just taken is not turned off; takes nothing.
  private func isOn() -> Bool {
    var ahead = self
    if ahead.token.kind == .operation { ahead.advance() }
    let value = ahead.lexer.upperCase(ahead.token)
    return !["FALSE", "OFF", "0", "'FALSE'", "'OFF'", "'0'"].contains(value)
  }

  private mutating func alter() -> (String, Statement.Role) {
    advance()
    let object = takeObject()
    let command = "ALTER " + object
    switch object {
    case "SYSTEM": return (command, .notInTransaction("ALTER SYSTEM"))
    case "DATABASE":
      takeName()
      if take("set"), isWord("tablespace") {
        return (command, .notInTransaction("ALTER DATABASE SET TABLESPACE"))
      }
    case "TYPE":
      takeName()
      if take("add"), isWord("value") { return (command, .visibleAfterCommit) }
    case "TABLE":
      takeIfExists()
      _ = take("only")
      takeName()
      if take("detach"), take("partition") {
        takeName()
        if isWord("concurrently") {
          return (command, .notInTransaction("ALTER TABLE DETACH PARTITION CONCURRENTLY"))
        }
      }
    case "SUBSCRIPTION":
      takeName()
      return (command, alterSubscription())
    default: break
    }
    return (command, .ordinary)
  }

  /// What talks to the publisher, or sets what its slot must learn, cannot be rolled back: `REFRESH
  /// PUBLICATION`; `SET`, `ADD`, `DROP PUBLICATION` unless `refresh = false`; `SET (failover)`
  /// (since 17), `SET (two_phase)` (since 18). Stricter than 13, which allows the first.
  private mutating func alterSubscription() -> Statement.Role {
    if take("refresh") {
      return .notInTransaction("ALTER SUBSCRIPTION REFRESH PUBLICATION")
    }
    guard isWord("set") || isWord("add") || isWord("drop") else { return .ordinary }
    advance()
    var role = Statement.Role.ordinary
    if token.kind == .openParenthesis {
      takeList { reader in
        for option in ["FAILOVER", "TWO_PHASE"] where reader.lexer.upperCase(reader.token) == option
        {
          role = .notInTransaction("ALTER SUBSCRIPTION SET (\(option.lowercased()))")
        }
      }
      return role
    }
    guard take("publication") else { return .ordinary }
    role = .notInTransaction("ALTER SUBSCRIPTION with refresh")
    while token.kind != .end, token.kind != .openParenthesis { advance() }
    takeList { reader in
      if reader.take("refresh"), !reader.isOn() { role = .ordinary }
    }
    return role
  }

  private mutating func drop() -> (String, Statement.Role) {
    advance()
    let object = takeObject()
    let command = "DROP " + object
    switch object {
    case "INDEX" where isWord("concurrently"):
      return (command, .notInTransaction("DROP INDEX CONCURRENTLY"))
    case "DATABASE", "TABLESPACE", "SUBSCRIPTION": return (command, .notInTransaction(command))
    default: return (command, .ordinary)
    }
  }

  private mutating func takeObject() -> String {
    guard token.kind == .word else { return "" }
    let first = lexer.upperCase(token)
    advance()
    switch first {
    case "MATERIALIZED" where take("view"): return "MATERIALIZED VIEW"
    case "FOREIGN" where take("table"): return "FOREIGN TABLE"
    case "FOREIGN" where take("data"):
      _ = take("wrapper")
      return "FOREIGN DATA WRAPPER"
    case "EVENT" where take("trigger"): return "EVENT TRIGGER"
    case "ACCESS" where take("method"): return "ACCESS METHOD"
    case "OPERATOR" where take("class"): return "OPERATOR CLASS"
    case "OPERATOR" where take("family"): return "OPERATOR FAMILY"
    case "USER" where take("mapping"): return "USER MAPPING"
    case "LARGE" where take("object"): return "LARGE OBJECT"
    case "DEFAULT" where take("privileges"): return "DEFAULT PRIVILEGES"
    case "TEXT" where take("search"):
      let kind = token.kind == .word ? " " + lexer.upperCase(token) : ""
      advance()
      return "TEXT SEARCH" + kind
    case "TEMP", "TEMPORARY": return takeObject()
    default: return first
    }
  }

  // MARK: Upkeep

  private mutating func reindex() -> (String, Statement.Role) {
    advance()
    var isConcurrent = false
    takeList { reader in
      if reader.take("concurrently") { isConcurrent = reader.isOn() }
    }
    let object = token.kind == .word ? lexer.upperCase(token) : ""
    advance()
    if isWord("concurrently") { isConcurrent = true }
    if isConcurrent { return ("REINDEX", .notInTransaction("REINDEX CONCURRENTLY")) }
    switch object {
    case "SCHEMA", "DATABASE", "SYSTEM":
      return ("REINDEX", .notInTransaction("REINDEX " + object))
    default: return ("REINDEX", .ordinary)
    }
  }

  private mutating func cluster() -> (String, Statement.Role) {
    advance()
    takeList()
    _ = take("verbose")
    return ("CLUSTER", token.kind == .end ? .notInTransaction("CLUSTER") : .ordinary)
  }

  private mutating func refresh() -> (String, Statement.Role) {
    advance()
    return take("materialized") ? ("REFRESH MATERIALIZED VIEW", .ordinary) : ("REFRESH", .ordinary)
  }
}
