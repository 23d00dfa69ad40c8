/// How anything that went wrong, or is worth knowing, is told: what, where, and what to do next.
///
/// The command line prints it, `--json` serialises it and the dashboard draws it; all three show the
/// same words.
public struct Diagnostic: Sendable, Hashable {
  public enum Severity: String, Sendable, Hashable, Comparable, CaseIterable {
    case note, warning, error

    public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }

    private var rank: Int {
      switch self {
      case .note: 0
      case .warning: 1
      case .error: 2
      }
    }
  }

  public var severity: Severity
  /// A stable word for scripts, in snake_case: `drift`, `no_connection`, `sql_error`.
  public var code: String
  /// What happened: lower case, no full stop, identifiers in double quotes.
  public var what: String
  /// Further lines below `what`, such as the server's detail and hint, each with its own label.
  public var details: [Detail]
  /// Where: `file:line:column`, a relation or a session; `nil` where there is no place.
  public var at: String?
  /// What to do next, and the state that was left.
  public var next: String?
  /// The server's SQLSTATE where the server said it.
  public var sqlstate: String?

  /// A labelled line, for example `detail: Key (id)=(1) already exists.`
  public struct Detail: Sendable, Hashable {
    public var label: String
    public var text: String

    public init(_ label: String, _ text: String) {
      self.label = label
      self.text = text
    }
  }

  public init(
    _ severity: Severity, code: String, _ what: String, details: [Detail] = [], at: String? = nil,
    next: String? = nil, sqlstate: String? = nil
  ) {
    self.severity = severity
    self.code = code
    self.what = what
    self.details = details
    self.at = at
    self.next = next
    self.sqlstate = sqlstate
  }

  public static func error(
    code: String, _ what: String, details: [Detail] = [], at: SourceLocation? = nil,
    next: String? = nil, sqlstate: String? = nil
  ) -> Diagnostic {
    Diagnostic(
      .error, code: code, what, details: details, at: at?.description, next: next,
      sqlstate: sqlstate)
  }

  public static func warning(
    code: String, _ what: String, at: SourceLocation? = nil, next: String? = nil
  ) -> Diagnostic {
    Diagnostic(.warning, code: code, what, at: at?.description, next: next)
  }

  public static func note(
    code: String, _ what: String, at: SourceLocation? = nil, next: String? = nil
  ) -> Diagnostic {
    Diagnostic(.note, code: code, what, at: at?.description, next: next)
  }
}

extension Diagnostic: CustomStringConvertible {
  /// The lines as the command line prints them, without a final line break.
  ///
  ///     error: migration 0007_orders_index failed: relation "orders" does not exist (SQLSTATE 42P01)
  ///       at:   db/migrations/0007_orders_index.sql:14:22
  ///       next: create "orders" in an earlier migration; nothing of 0007 was applied
  public var description: String {
    var text = "\(severity.rawValue): \(what)"
    if let sqlstate { text += " (SQLSTATE \(sqlstate))" }
    var labelled = details
    if let at { labelled.append(Detail("at", at)) }
    if let next { labelled.append(Detail("next", next)) }
    for detail in labelled {
      let label = "\(detail.label):"
      let padding = String(repeating: " ", count: max(1, 6 - label.count))
      // A text of several lines keeps its indentation, so that the labels stay readable.
      let lines = detail.text.split(separator: "\n", omittingEmptySubsequences: false)
      text += "\n  \(label)\(padding)" + lines.joined(separator: "\n        ")
    }
    return text
  }
}
