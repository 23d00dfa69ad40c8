/// Finds functions whose effects a rollback does not take back: they speak to other servers, write files
/// or run code that nobody here can read.
public struct OutsideEffects: Sendable, Hashable {
  /// A function with what it is made of.
  public struct Function: Sendable, Hashable {
    public var oid: Int64
    public var name: String
    public var language: String
    public var isTrusted: Bool
    public var source: String

    public init(oid: Int64, name: String, language: String, isTrusted: Bool, source: String) {
      self.oid = oid
      self.name = name
      self.language = language
      self.isTrusted = isTrusted
      self.source = source
    }
  }

  /// By oid, why.
  public let reasons: [Int64: String]

  /// Marks what calls something outside, and what calls that.
  public init(_ functions: [Function]) {
    var reasons: [Int64: String] = [:]
    var names: [Int64: Set<String>] = [:]
    for function in functions {
      let words = ExpressionWords(function.source)
      // A body in quotes is a string to the lexer.
      names[function.oid] = words.names.union(
        words.strings.reduce(into: Set<String>()) { $0.formUnion(ExpressionWords($1).names) })
      if let reason = Self.reason(function, names[function.oid] ?? []) {
        reasons[function.oid] = reason
      }
    }
    var isGrowing = true
    while isGrowing {
      isGrowing = false
      let marked = functions.filter { reasons[$0.oid] != nil }
      for function in functions where reasons[function.oid] == nil {
        guard let called = marked.first(where: { names[function.oid]?.contains($0.name) == true })
        else { continue }
        reasons[function.oid] = "it calls \(called.name), and \(reasons[called.oid] ?? "")"
        isGrowing = true
      }
    }
    self.reasons = reasons
  }

  private static func reason(_ function: Function, _ names: Set<String>) -> String? {
    if ["c", "internal"].contains(function.language) { return nil }
    guard function.isTrusted || ["sql", "plpgsql"].contains(function.language) else {
      return "\(function.language) may do anything on the server's machine"
    }
    let known = names.filter { name in
      name.hasPrefix("dblink") || name.hasPrefix("http_") || calls.contains(name)
    }
    if let name = known.min() { return "it calls \(name)" }
    if names.contains("copy"), names.contains("program") { return "it runs a program by COPY" }
    return nil
  }

  private static let calls: Set<String> = [
    "http", "lo_export", "lo_import", "pg_background_launch", "pg_file_write",
    "pg_cancel_backend", "pg_terminate_backend", "pg_reload_conf", "pg_rotate_logfile",
    "pg_logical_emit_message",
  ]

  /// Every function of a user, extensions' left out.
  public static let functions = Query<Function>(
    """
    SELECT p.oid, p.proname, l.lanname, l.lanpltrusted, coalesce(p.prosrc, '')
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_language l ON l.oid = p.prolang
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.pg_proc'::regclass
        AND e.objid = p.oid AND e.deptype = 'e')
    """
  ) { (row) throws(ResultRow.Mismatch) in
    Function(
      oid: try row.integer(0), name: try row.string(1), language: try row.string(2),
      isTrusted: try row.bool(3), source: try row.string(4))
  }
}
