import MigrationModel
import Postgres
import PostgresModel

/// What there is to be known of tables before they are dropped: afterwards the server has no name for them.
struct DroppedTables: Sendable {
  /// By the name as the script writes it.
  private var found: [String: Found] = [:]
  /// Names that were asked about since something has run that may have changed what they refer to.
  private var asked: Set<String> = []

  private struct Found: Sendable {
    var name: QualifiedName
    /// Whether dropping it locks no other: it has no foreign key and no partition, and no trigger is called.
    var isAlone: Bool
  }

  /// Asks about the tables that a step drops and those after it, unless that has been asked already: many
  /// steps that drop one table each shall cost one question.
  ///
  /// - Throws: Any `DatabaseError`.
  mutating func ask(
    about steps: ArraySlice<PlanStep>, in session: Connection
  ) async throws(DatabaseError) {
    guard let first = steps.first, !asked.isSuperset(of: first.tablesDropped) else { return }
    asked.formUnion(steps.prefix(DroppedTables.stepsAtOnce).flatMap(\.tablesDropped))
    let list = "{" + asked.map { arrayElement($0) }.joined(separator: ",") + "}"
    let answer = try await session.rows(
      Query(DroppedTables.question, [list]) { row throws(ResultRow.Mismatch) in
        let name = QualifiedName(schema: try row.string(1), try row.string(2))
        return (try row.string(0), Found(name: name, isAlone: try row.bool(3)))
      })
    found = Dictionary(answer, uniquingKeysWith: { first, _ in first })
  }

  private static let stepsAtOnce = 128

  /// The tables of a unit that are there.
  func names(in unit: RunUnit) -> [QualifiedName] {
    unit.tablesDropped.names.compactMap { found[$0]?.name }
  }

  /// Whether a unit locks nothing but the tables that it drops.
  func areAll(of unit: RunUnit) -> Bool {
    let (names, isAll) = unit.tablesDropped
    return isAll && names.allSatisfy { found[$0]?.isAlone ?? true }
  }

  /// Notes that something has run that may have changed what the tables refer to.
  mutating func expire() { asked = [] }

  /// A foreign key makes triggers on both its tables. An event trigger may do whatever it likes.
  private static let question = """
    select t.name, n.nspname, c.relname,
      not (c.relhastriggers or c.relhassubclass or c.relispartition)
        and not exists (select from pg_catalog.pg_event_trigger)
    from pg_catalog.unnest($1::text[]) t(name)
    join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(t.name)
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    """
}

extension PlanStep {
  fileprivate var tablesDropped: [String] {
    isOneTransaction ? units[0].tablesDropped.names : []
  }
}
