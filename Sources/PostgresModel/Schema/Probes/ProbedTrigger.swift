/// A trigger as the catalogue has it, with what is needed to make it fire.
public struct ProbedTrigger: Sendable, Hashable {
  public var oid: Int64
  /// The table or view that it is on.
  public var ownerOID: Int64
  /// Qualified and quoted, as a `SchemaFact` names it.
  public var owner: String
  public var name: String
  public var definition: String
  /// `O`, `D`, `R`, `A`: as `pg_trigger.tgenabled`.
  public var enabled: String
  public var timing: Timing
  public var isForEachRow: Bool
  public var events: [Event]
  /// Of `UPDATE OF`.
  public var columns: [String]
  /// The condition of `WHEN`, in terms of `old` and `new`.
  public var condition: String?
  public var function: Function
  /// The trigger of a partitioned table that made this one on a partition; 0 where there is none.
  public var origin: Int64

  /// When it fires.
  public enum Timing: Sendable, Hashable {
    case before, after, insteadOf
  }

  /// What fires it.
  public enum Event: String, Sendable, Hashable {
    case insert = "INSERT"
    case update = "UPDATE"
    case delete = "DELETE"
    case truncate = "TRUNCATE"
  }

  /// What it calls.
  public struct Function: Sendable, Hashable {
    public var oid: Int64
    public var name: String
    public var definition: String
    public var source: String
  }

  /// How evidence names it.
  public var subject: String { "trigger \(name) of \(owner)" }

  /// Those that are new or not what they were, their functions included.
  public static func touched(
    from before: [ProbedTrigger], to after: [ProbedTrigger]
  ) -> [ProbedTrigger] {
    func promise(_ trigger: ProbedTrigger) -> [String] {
      [trigger.definition, trigger.enabled, trigger.function.definition]
    }
    let old = Dictionary(before.map { ([$0.owner, $0.name], promise($0)) }) { first, _ in first }
    return after.filter { old[[$0.owner, $0.name]] != promise($0) }
  }

  /// What keeps it from firing, in words; `nil` where nothing does.
  public var fault: String? {
    switch enabled {
    case "D": "it is disabled"
    case "R": "it fires only where session_replication_role is replica"
    default: nil
    }
  }

  /// Whether a line of `EXPLAIN ANALYZE` says that it was called, and how often.
  public func calls(in line: String) -> Int? {
    let line = line.drop { $0 == " " }
    let starts = ["Trigger \(name)", "Trigger for constraint \(name)"]
    guard let start = starts.first(where: { line.hasPrefix($0) }) else { return nil }
    let rest = line.dropFirst(start.count)
    guard rest.hasPrefix(":") || rest.hasPrefix(" ") else { return nil }
    guard let equals = rest.lastIndex(of: "=") else { return nil }
    return Int(rest[rest.index(after: equals)...].prefix { $0.isNumber })
  }

  /// Every trigger that a user made; source of the bits: PostgreSQL's `pg_trigger.h`.
  public static let all = Query<ProbedTrigger>(
    """
    SELECT t.oid, c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), t.tgname,
      pg_get_triggerdef(t.oid), t.tgenabled, t.tgtype,
      \(TableShape.names("t.tgattr", "c.oid")),
      substring(pg_get_triggerdef(t.oid) FROM ' WHEN \\((.*)\\) EXECUTE (?:FUNCTION|PROCEDURE)'),
      p.oid, p.proname, pg_get_functiondef(p.oid), p.prosrc, t.tgparentid
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE (NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgconstraint = 0)
      AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep')
    ORDER BY 3, 4
    """
  ) { (row) throws(ResultRow.Mismatch) in
    let bits = try row.integer(6)
    let events: [(Int64, Event)] = [(4, .insert), (16, .update), (8, .delete), (32, .truncate)]
    return ProbedTrigger(
      oid: try row.integer(0), ownerOID: try row.integer(1), owner: try row.string(2),
      name: try row.string(3), definition: try row.string(4), enabled: try row.string(5),
      timing: bits & 64 != 0 ? .insteadOf : bits & 2 != 0 ? .before : .after,
      isForEachRow: bits & 1 != 0, events: events.filter { bits & $0.0 != 0 }.map(\.1),
      columns: parts(row.optionalString(7) ?? ""), condition: row.optionalString(8),
      function: Function(
        oid: try row.integer(9), name: try row.string(10), definition: try row.string(11),
        source: try row.string(12)),
      origin: try row.integer(13))
  }
}
