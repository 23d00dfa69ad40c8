import MigrationModel
import Postgres
import PostgresModel

/// The relations of a scratch copy as they stand before a migration.
struct StandingRelations: Sendable {
  struct Relation: Sendable {
    var name: QualifiedName
    var kind: SchemaFacts.Relation.Kind
    /// The number of its file, 0 where it has none.
    var file: Int64
    /// As the statistics have it, or guessed from its size; 0 where it has none.
    var rows: Int64

    /// Whether it is a table or a materialized view, which have rows of their own.
    var hasRows: Bool { kind == .table || kind == .materializedView }
  }

  /// By oid.
  var relations: [String: Relation] = [:]

  var names: Set<QualifiedName> { Set(relations.values.map(\.name)) }

  /// - Parameter left: History tables, whose locks are Lockstep's own.
  static func read(
    _ session: Connection, leavingOut left: [QualifiedName]
  ) async throws(DatabaseError) -> StandingRelations {
    let query = Query<(String, Relation)>(
      """
      SELECT c.oid::text, n.nspname, c.relname, c.relkind::text,
        coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint,
        greatest(c.reltuples::bigint, pg_catalog.pg_stat_get_live_tuples(c.oid),
          CASE WHEN c.reltuples <= 0 AND c.relkind IN ('r', 'm')
            THEN pg_catalog.pg_relation_size(c.oid) / 100 END, 0)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep')
      """
    ) { row throws(ResultRow.Mismatch) in
      (
        try row.string(0),
        Relation(
          name: QualifiedName(schema: try row.string(1), try row.string(2)),
          kind: SchemaFacts.Relation.Kind(rawValue: try row.string(3)) ?? .other,
          file: try row.integer(4), rows: try row.integer(5))
      )
    }
    let rows = try await session.rows(query)
    var standing = StandingRelations()
    for (oid, relation) in rows where !left.contains(relation.name) {
      standing.relations[oid] = relation
    }
    return standing
  }
}
