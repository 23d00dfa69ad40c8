extension ERDiagram {
  /// A diagram for Graphviz: `dot -Tsvg`.
  ///
  /// Source: Graphviz 12, "The DOT Language", "HTML-Like Labels" and "Arrow Shapes".
  public var dot: String {
    var text = "digraph schema {\n  rankdir=LR;\n  node [shape=plain, fontname=\"sans-serif\"];\n"
    text += "  edge [dir=both, fontname=\"sans-serif\", fontsize=10];\n"
    for table in tables {
      text += "  \(ERDiagram.identifier(table.name)) [label=<"
      text += "<table border=\"0\" cellborder=\"1\" cellspacing=\"0\" cellpadding=\"4\">"
      let title = ERDiagram.markup(ERDiagram.shown(table.name))
      text += "<tr><td colspan=\"2\" bgcolor=\"#e8eef7\"><b>\(title)</b></td></tr>"
      for (place, column) in table.columns.enumerated() {
        let name = ERDiagram.markup(column.name)
        let shown = column.isPrimaryKey ? "<u>\(name)</u>" : name
        let type = ERDiagram.markup(ERDiagram.short(column.type))
        text += "<tr><td align=\"left\">\(shown)</td>"
        text += "<td align=\"left\" port=\"c\(place)\">\(type)</td></tr>"
      }
      text += "</table>>];\n"
    }
    let columns = Dictionary(tables.map { ($0.name, $0.columns) }) { first, _ in first }
    for relationship in relationships {
      text += ERDiagram.edge(relationship, from: columns[relationship.child] ?? [])
    }
    return text + "}\n"
  }

  /// From the row of the column that refers, with a crow's foot where many rows may.
  private static func edge(_ relationship: Relationship, from columns: [Column]) -> String {
    var child = identifier(relationship.child)
    let first = relationship.childColumns.first
    if let place = columns.firstIndex(where: { $0.name == first }) { child += ":c\(place)" }
    let parent = identifier(relationship.parent)
    let label = string(relationship.childColumns.joined(separator: ", "))
    // The shape that is named first stands at the table.
    let many = relationship.isToOne ? "teeodot" : "crowodot"
    let one = relationship.isOptional ? "teeodot" : "teetee"
    return "  \(child) -> \(parent) [label=\(label), arrowtail=\(many), arrowhead=\(one)];\n"
  }

  private static func identifier(_ name: QualifiedName) -> String { string(shown(name)) }

  private static func string(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { result += "\\" }
      let isControl = scalar.properties.generalCategory == .control
      result.unicodeScalars.append(isControl ? " " : scalar)
    }
    return result + "\""
  }

  private static func markup(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default:
        let isControl = scalar.properties.generalCategory == .control
        result.unicodeScalars.append(isControl ? " " : scalar)
      }
    }
    return result
  }
}
