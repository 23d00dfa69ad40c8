import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Looks at the copy before and after other probes.
final class LeftoverProbe: Sendable {
  private let looks = Mutex<[[String]]>([])

  /// What was seen each time: the schema, the rows of each table, the places of sequences.
  var seen: [[String]] { looks.withLock { $0 } }

  /// To stand before and behind the probes that are watched.
  var beginning: any ScratchProbe { Look(watch: self) }
  var end: any ScratchProbe { Look(watch: self) }

  private struct Look: ScratchProbe {
    let watch: LeftoverProbe

    func after(_ scene: ScratchScene) async throws -> [Trial] {
      let schema = try await SchemaReader(scene.session).read()
      var lines = schema.facts.map(\.description)
      let tables = schema.facts.filter { $0.kind == "table" && $0.property.isEmpty }.map(\.object)
      for table in tables {
        let count = Query<String>("SELECT count(*)::text || ' ' || '\(table)' FROM \(table)") {
          (row) throws(ResultRow.Mismatch) in try row.string(0)
        }
        lines += try await scene.session.rows(count)
      }
      let sequences = Query<String>(
        "SELECT sequencename || ' ' || coalesce(last_value::text, 'unused') FROM pg_sequences"
          + " ORDER BY 1"
      ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
      lines += try await scene.session.rows(sequences)
      lines.append("\(await scene.session.transactionState)")
      watch.looks.withLock { $0.append(lines) }
      return []
    }
  }
}
