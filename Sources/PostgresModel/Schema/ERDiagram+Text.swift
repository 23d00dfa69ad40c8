extension ERDiagram {
  /// The forms in which a diagram is written.
  public enum Format: String, Sendable, Hashable, CaseIterable {
    case text, mermaid, dot
  }

  /// The diagram in one of its forms, with a line break at its end.
  public func written(as format: Format) -> String {
    switch format {
    case .text: text
    case .mermaid: mermaid
    case .dot: dot
    }
  }

  /// For a terminal: each table with its columns, and where its keys lead.
  public var text: String {
    guard !tables.isEmpty else { return "no tables\n" }
    return tables.map { table in
      let rows = table.columns.map {
        [$0.name, ERDiagram.short($0.type), notes(of: $0, in: table)]
      }
      let widths = (0..<2).map { column in rows.map { $0[column].count }.max() ?? 0 }
      let lines = rows.map { row -> String in
        let cells = (0..<2).map { column in
          row[column] + String(repeating: " ", count: widths[column] - row[column].count)
        }
        var line = "  \(cells[0])  \(cells[1])  \(row[2])"
        while line.last == " " { line.removeLast() }
        return line
      }
      return ([ERDiagram.shown(table.name)] + lines).map { "\($0)\n" }.joined()
    }.joined(separator: "\n")
  }

  private func notes(of column: Column, in table: Table) -> String {
    var notes: [String] = []
    if column.isPrimaryKey { notes.append("PK") }
    if column.isUnique { notes.append("unique") }
    if column.isNotNull, !column.isPrimaryKey { notes.append("not null") }
    for relationship in relationships
    where relationship.child == table.name && relationship.childColumns.contains(column.name) {
      notes.append("-> \(ERDiagram.shown(relationship.parent))")
    }
    return notes.joined(separator: ", ")
  }

  /// A table's name; the schema `public` goes without saying.
  static func shown(_ name: QualifiedName) -> String {
    guard let schema = name.schema, schema != "public" else { return name.name }
    return "\(schema).\(name.name)"
  }

  /// A type by the shorter of the names that PostgreSQL has for it.
  static func short(_ type: String) -> String {
    let pairs = [
      ("character varying", "varchar"), ("timestamp with time zone", "timestamptz"),
      ("timestamp without time zone", "timestamp"), ("time without time zone", "time"),
      ("time with time zone", "timetz"), ("double precision", "float8"),
    ]
    for (long, short) in pairs where type.hasPrefix(long) {
      return short + type.dropFirst(long.count)
    }
    return type
  }
}
