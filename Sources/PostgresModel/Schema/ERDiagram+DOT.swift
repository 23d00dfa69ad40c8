extension ERDiagram {
  /// A diagram for Graphviz: `dot -Tsvg`.
  ///
  /// Source: Graphviz 12, "The DOT Language" and "HTML-Like Labels".
  public var dot: String {
    var text = "digraph schema {\n  rankdir=LR;\n  node [shape=plain, fontname=\"sans-serif\"];\n"
    for table in tables {
      text += "  \(ERDiagram.identifier(table.name)) [label=<"
      text += "<table border=\"0\" cellborder=\"1\" cellspacing=\"0\" cellpadding=\"4\">"
      text +=
        "<tr><td colspan=\"2\"><b>\(ERDiagram.markup(ERDiagram.shown(table.name)))</b></td></tr>"
      for column in table.columns {
        let name = ERDiagram.markup(column.name)
        let shown = column.isPrimaryKey ? "<u>\(name)</u>" : name
        let type = ERDiagram.markup(ERDiagram.short(column.type))
        text += "<tr><td align=\"left\">\(shown)</td><td align=\"left\">\(type)</td></tr>"
      }
      text += "</table>>];\n"
    }
    for relationship in relationships {
      let child = ERDiagram.identifier(relationship.child)
      let parent = ERDiagram.identifier(relationship.parent)
      let label = ERDiagram.string(relationship.childColumns.joined(separator: ", "))
      text += "  \(child) -> \(parent) [label=\(label)];\n"
    }
    return text + "}\n"
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
