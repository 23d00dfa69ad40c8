/// An event trigger as the catalogue has it, with what is needed to make it fire.
public struct ProbedEventTrigger: Sendable, Hashable {
  /// Quoted, as a `SchemaFact` names it.
  public var name: String
  /// `ddl_command_start`, `ddl_command_end`, `sql_drop`, `table_rewrite`, `login`.
  public var event: String
  /// Of `WHEN TAG IN`, in the order of the catalogue; empty where every command is meant.
  public var tags: [String]
  /// `O`, `D`, `R`, `A`: as `pg_event_trigger.evtenabled`.
  public var enabled: String
  public var function: ProbedTrigger.Function
  /// Others, quoted, that call the same function and are not off.
  public var sharers: [String]

  /// How evidence names it.
  public var subject: String { "event trigger \(name)" }

  /// Those that are new or not what they were, their functions included.
  public static func touched(
    from before: [ProbedEventTrigger], to after: [ProbedEventTrigger]
  ) -> [ProbedEventTrigger] {
    func promise(_ trigger: ProbedEventTrigger) -> [String] {
      [trigger.event, trigger.enabled, trigger.function.definition] + trigger.tags
    }
    let old = Dictionary(before.map { ($0.name, promise($0)) }) { first, _ in first }
    return after.filter { old[$0.name] != promise($0) }
  }

  /// What keeps it from firing, in words; `nil` where nothing does.
  public var fault: String? {
    switch enabled {
    case "D": "it is disabled"
    case "R": "it fires only where session_replication_role is replica"
    default: nil
    }
  }

  /// Whether no command of the database gets past it where its function raises whatever comes.
  public var standsBeforeEverything: Bool { tags.isEmpty && event.hasPrefix("ddl_command") }

  /// Every event trigger of the database.
  public static let all = Query<ProbedEventTrigger>(
    """
    SELECT quote_ident(e.evtname), e.evtevent, array_to_string(e.evttags, chr(31)), e.evtenabled,
      p.oid, p.proname, pg_get_functiondef(p.oid), p.prosrc,
      (SELECT string_agg(quote_ident(o.evtname), chr(31) ORDER BY o.evtname) FROM pg_event_trigger o
        WHERE o.evtfoid = e.evtfoid AND o.oid <> e.oid AND o.evtenabled <> 'D')
    FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid ORDER BY 1
    """
  ) { (row) throws(ResultRow.Mismatch) in
    ProbedEventTrigger(
      name: try row.string(0), event: try row.string(1),
      tags: parts(row.optionalString(2) ?? ""), enabled: try row.string(3),
      function: ProbedTrigger.Function(
        oid: try row.integer(4), name: try row.string(5), definition: try row.string(6),
        source: try row.string(7)),
      sharers: parts(row.optionalString(8) ?? ""))
  }
}
