import Diagnostics
import PostgresModel

/// What is said and done about indexes that no query may use.
enum InvalidIndexes {
  /// Tells of each invalid index: what it is, which migration left it, and how it is taken away.
  static func notes(_ indexes: [IndexFact], _ migrations: [MigrationStatus]) -> [Diagnostic] {
    indexes.filter { !$0.isBeingBuilt }.map { index in
      let maker = maker(of: index, migrations)
      let origin = maker.map { ", left by \($0.label)" } ?? ""
      return .warning(
        code: "invalid_index",
        "the index \(index.name) on \(index.table) is invalid\(origin): no query uses it, and every"
          + " write keeps it up",
        at: maker?.location, next: wayOut(index, maker))
    }
  }

  private static func wayOut(_ index: IndexFact, _ maker: MigrationStatus?) -> String {
    let drop = "DROP INDEX CONCURRENTLY \(index.name.sql)"
    if let maker, maker.unfinished?.detail != nil {
      return
        "`lockstep \(maker.unfinished?.direction.rawValue ?? "up") --resume` sees to it; or \(drop)"
    }
    if index.isLeftoverOfReindex { return "\(drop), then REINDEX again" }
    return "\(drop), then build it again; REINDEX INDEX CONCURRENTLY does both"
  }

  /// The migration whose way up makes an index of this name on this table.
  private static func maker(
    of index: IndexFact, _ migrations: [MigrationStatus]
  ) -> MigrationStatus? {
    let name = Array(index.name.name.utf8)
    return migrations.reversed().first { status in
      guard let scripts = status.migration?.up else { return false }
      return scripts.contains { script in
        // Most files do not hold the name at all, and parsing is dear.
        script.holds(name)
          && SQLScript.texts(of: script).contains { text in
            guard let shape = IndexShape(text) else { return false }
            return shape.name == index.name.name && shape.table.name == index.table.name
          }
      }
    }
  }

  /// The statements of a step that would take an invalid index for the one they are to make.
  static func passedOver(by step: PlanStep, _ status: ProjectStatus) -> [Diagnostic] {
    var found: [Diagnostic] = []
    var left = status.invalidIndexes
    for cleanUp in step.resumption?.cleanUp ?? [] { left.removeAll { $0.cleanUp == cleanUp } }
    for unit in step.units {
      for index in unit.statements.indices where !left.isEmpty {
        let statement = unit.statements[index]
        if statement.command == "DROP INDEX" {
          let targets =
            PgQueryParser().parse(unit.text(of: index)).statements.first?.targets.changes ?? []
          left.removeAll { fact in targets.contains { $0.name.name == fact.name.name } }
        } else if statement.command == "CREATE INDEX", let shape = IndexShape(unit.text(of: index)),
          shape.ifNotExists, let fact = left.first(where: { $0.isNamed(by: shape) })
        {
          found.append(
            refusal(fact, step, unit.script.location(ofTextByte: statement.range.lowerBound)))
        }
      }
    }
    return found
  }

  private static func refusal(
    _ fact: IndexFact, _ step: PlanStep, _ place: SourceLocation
  ) -> Diagnostic {
    .error(
      code: "invalid_index",
      "\(step.label) would take the invalid index \(fact.name) for its own: IF NOT EXISTS passes over"
        + " it, and no query could use it",
      at: place,
      next: "take it away first: DROP INDEX CONCURRENTLY \(fact.name.sql); nothing was run")
  }
}

extension IndexFact {
  /// Whether a statement that makes an index means the name of this one.
  fileprivate func isNamed(by shape: IndexShape) -> Bool {
    shape.name == name.name && (shape.table.schema == nil || shape.table.schema == name.schema)
  }
}

extension Script {
  /// Whether the bytes stand somewhere in the script.
  fileprivate func holds(_ needle: [UInt8]) -> Bool {
    guard let first = needle.first, file.bytes.count >= needle.count else { return false }
    let bytes = file.bytes
    return bytes.withUnsafeBufferPointer { buffer in
      var start = buffer.startIndex
      while let index = buffer[start...].firstIndex(of: first) {
        guard index + needle.count <= buffer.count else { return false }
        if buffer[index..<index + needle.count].elementsEqual(needle) { return true }
        start = index + 1
      }
      return false
    }
  }
}

extension SQLScript {
  /// The texts of a script's `CREATE INDEX` statements.
  fileprivate static func texts(of script: Script) -> [String] {
    let text = script.text
    return statements(in: text).filter { $0.command == "CREATE INDEX" }.map { statement in
      String(
        decoding: text.utf8.dropFirst(statement.range.lowerBound).prefix(statement.range.count),
        as: UTF8.self)
    }
  }
}
