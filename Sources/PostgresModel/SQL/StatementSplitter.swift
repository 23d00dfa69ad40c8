#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A script of SQL statements, as text.
public enum SQLScript {
  /// Splits a script into its statements, in order, as `psql` would; never fails.
  ///
  /// Empty statements are left out. A statement ends at a semicolon outside of parentheses, strings,
  /// comments and `BEGIN ATOMIC … END`. After `COPY … FROM STDIN` the rest of its line, and the data up
  /// to the line `\.`, are passed over. A backslash outside of strings is a command of `psql`, which
  /// ends the statement before it and reaches to the end of its line.
  public static func statements(in sql: String) -> [Statement] {
    var copy = sql
    return copy.withUTF8 { statements(in: $0) }
  }

  /// As `statements(in:)`, for the bytes of a file.
  public static func statements(in bytes: [UInt8]) -> [Statement] {
    bytes.withUnsafeBufferPointer { statements(in: $0) }
  }

  /// As `statements(in:)`, without a copy.
  public static func statements(in bytes: UnsafeBufferPointer<UInt8>) -> [Statement] {
    var splitter = StatementSplitter(bytes)
    var statements: [Statement] = []
    while let statement = splitter.next() { statements.append(statement) }
    return statements
  }

  /// Calls `body` with each statement in turn, keeping none; for scripts of any size.
  public static func forEachStatement<E: Error>(
    in bytes: UnsafeBufferPointer<UInt8>, _ body: (Statement) throws(E) -> Void
  ) throws(E) {
    var splitter = StatementSplitter(bytes)
    while let statement = splitter.next() { try body(statement) }
  }
}

/// Finds one statement after the other.
///
/// Source: `psqlscan.l` of PostgreSQL 18, whose counting of parentheses and of `BEGIN … END` this
/// follows, more strictly: only `BEGIN ATOMIC` opens a body.
struct StatementSplitter {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var lexer: SQLLexer
  private var line = 1
  /// Up to where line breaks are counted in `line`.
  private var counted = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
    lexer = SQLLexer(bytes, at: hasMark ? 3 : 0)
  }

  /// Returns the next statement; `nil` at the end of the script.
  mutating func next() -> Statement? {
    while true {
      let first = lexer.nextSignificant()
      switch first.kind {
      case .end: return nil
      case .semicolon: continue
      case .backslash: return psqlCommand(at: first)
      default: return statement(beginningWith: first)
      }
    }
  }

  private mutating func statement(beginningWith first: SQLToken) -> Statement {
    var body = RoutineBody()
    var depth = 0
    var setsConfiguration = false
    var token = first
    var end = first.end
    scanning: while true {
      switch token.kind {
      case .word:
        if body.isPossible { body.read(token, lexer, depth: depth) }
        if token.end &- token.start == 10, lexer.matches(token, "set_config") {
          setsConfiguration = true
        }
      case .quotedIdentifier:
        if token.end &- token.start == 12, lexer.text(token) == "\"set_config\"" {
          setsConfiguration = true
        }
        if body.isPossible { body.readOther(dot: false) }
      case .openParenthesis: depth &+= 1
      case .closeParenthesis: depth = max(0, depth &- 1)
      case .semicolon where depth == 0 && body.depth == 0:
        end = token.start
        break scanning
      case .end: break scanning
      case .backslash:
        // Left for the next call, which makes it a statement of its own.
        lexer.position = token.start
        break scanning
      case .lineComment, .blockComment:
        token = lexer.next()
        continue scanning
      case .punctuation:
        if body.isPossible { body.readOther(dot: bytes[token.start] == UInt8(ascii: ".")) }
      default: break
      }
      end = token.end
      token = lexer.next()
    }
    var statement = Statement(
      range: first.start..<end, line: line(of: first.start), command: "", role: .ordinary)
    let reader = StatementReader(
      UnsafeBufferPointer(rebasing: bytes[..<end]), first: first,
      setsConfiguration: setsConfiguration)
    (statement.command, statement.role) = reader.commandAndRole()
    if statement.role == .copyFromStandardInput, token.kind == .semicolon { skipCopyData() }
    return statement
  }

  private mutating func psqlCommand(at backslash: SQLToken) -> Statement {
    let start = backslash.start
    var end = start &+ 1
    if end < bytes.count, bytes[end] == UInt8(ascii: ";") {
      lexer.position = end &+ 1
      return Statement(
        range: start..<end &+ 1, line: line(of: start), command: "\\;", role: .psqlCommand("\\;"))
    }
    let lineEnd = lexer.index(of: UInt8(ascii: "\n"), from: start)
    while end < lineEnd, bytes[end] > 0x20, bytes[end] != UInt8(ascii: "\\") { end &+= 1 }
    let command = String(decoding: bytes[start..<end], as: UTF8.self)
    var last = lineEnd
    while last > end, bytes[last &- 1] <= 0x20 { last &-= 1 }
    lexer.position = lineEnd
    return Statement(
      range: start..<last, line: line(of: start), command: command, role: .psqlCommand(command))
  }

  /// Moves behind the line `\.` that ends the data of a `COPY`; to the end where there is none.
  private mutating func skipCopyData() {
    var start = lexer.index(of: UInt8(ascii: "\n"), from: lexer.position) &+ 1
    while start < bytes.count {
      let end = lexer.index(of: UInt8(ascii: "\n"), from: start)
      let length = end &- start
      if length >= 2, bytes[start] == UInt8(ascii: "\\"), bytes[start &+ 1] == UInt8(ascii: "."),
        length == 2 || (length == 3 && bytes[start &+ 2] == UInt8(ascii: "\r"))
      {
        lexer.position = end
        return
      }
      start = end &+ 1
    }
    lexer.position = bytes.count
  }

  private mutating func line(of offset: Int) -> Int {
    var breaks = 0
    for index in counted..<offset {
      breaks &+= bytes[index] == UInt8(ascii: "\n") ? 1 : 0
    }
    line &+= breaks
    counted = offset
    return line
  }
}

/// Follows `CREATE [OR REPLACE] FUNCTION|PROCEDURE … BEGIN ATOMIC … END`, whose semicolons end nothing.
private struct RoutineBody {
  private enum Head { case create, orOrKind, replace, kind, inside, none }

  private var head = Head.create
  private var previousIsBegin = false
  /// The word before was `AS`, or a dot: what follows is a name, whatever it spells.
  private var nextIsName = false
  /// How many `BEGIN ATOMIC` and `CASE` are open.
  private(set) var depth = 0

  var isPossible: Bool { head != .none }

  mutating func readOther(dot: Bool) {
    previousIsBegin = false
    nextIsName = dot
  }

  mutating func read(_ token: SQLToken, _ lexer: SQLLexer, depth parentheses: Int) {
    switch head {
    case .create: head = lexer.matches(token, "create") ? .orOrKind : .none
    case .orOrKind:
      if lexer.matches(token, "or") { head = .replace } else { readKind(token, lexer) }
    case .replace: head = lexer.matches(token, "replace") ? .kind : .none
    case .kind: readKind(token, lexer)
    case .inside: readInside(token, lexer, parentheses)
    case .none: break
    }
  }

  private mutating func readKind(_ token: SQLToken, _ lexer: SQLLexer) {
    let isRoutine = lexer.matches(token, "function") || lexer.matches(token, "procedure")
    head = isRoutine ? .inside : .none
  }

  private mutating func readInside(_ token: SQLToken, _ lexer: SQLLexer, _ parentheses: Int) {
    defer {
      previousIsBegin = lexer.matches(token, "begin")
      nextIsName = lexer.matches(token, "as")
    }
    guard parentheses == 0, !nextIsName else { return }
    if depth == 0 {
      if previousIsBegin, lexer.matches(token, "atomic") { depth = 1 }
    } else if lexer.matches(token, "case") {
      depth &+= 1
    } else if lexer.matches(token, "end") {
      depth &-= 1
    }
  }
}
