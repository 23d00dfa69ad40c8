import MigrationModel
import PostgresModel

/// Whether what is kept of the schema in the project is right.
extension CheckDesk {
  /// Dump and diagram are of the schema after all that is pending; of an applied migration those of the
  /// target as it is now are right as well.
  mutating func documentation(
    of scene: CheckScene, _ rehearsed: Rehearsed?
  ) async throws -> [Trial] {
    let last = loaded.status.migrations.last { $0.state == .pending }
    var trials: [Trial] = []
    if scene.status.state != .pending || last == nil {
      var dump: String?
      if texts.schemaFile != nil, loaded.layout.rules.dumpsSchema {
        dump = try await SchemaFile(path: "", target: check.target)
          .text(history: loaded.layout, table: loaded.table, session)
      }
      trials = documentation(try await targetSchema(), dump)
    }
    if let last, trials.isEmpty || trials.contains(where: { $0.outcome != .proven }) {
      let seen = rehearsed?.schemas[last.version]
      trials = documentation(seen?.after, seen?.dump)
    }
    if let after = scene.after, let changes = scene.rehearsed?.changes, !trials.isEmpty,
      let line = DocumentationTrials.commentCoverage(changes, after: after)
    {
      trials[trials.count - 1].evidence.append(line)
    }
    return trials
  }

  private func documentation(_ snapshot: SchemaSnapshot?, _ dump: String?) -> [Trial] {
    var trials: [Trial] = []
    if let file = texts.schemaFile {
      if file.text != nil, !loaded.layout.rules.dumpsSchema {
        trials.append(
          Trial(
            .documentation, "schema dump \(file.path)", .notProven,
            [.init("\(loaded.layout.name) keeps no dump to compare it with", .unclear)]))
      } else {
        trials.append(
          DocumentationTrials.ofDump(committed: file.text, dump: dump, file: file.path))
      }
    }
    if let file = texts.diagramFile {
      trials.append(
        DocumentationTrials.ofDiagram(committed: file.text, snapshot: snapshot, file: file.path))
    }
    return trials
  }
}
