extension ERDiagram {
  /// A diagram that GitHub, GitLab and most editors draw in a Markdown block of `mermaid`.
  ///
  /// Source: Mermaid 11, "Entity Relationship Diagrams": names in quotes may hold anything but quotes and
  /// line breaks, types and attributes only letters, digits, `_`, `-`, `()` and `[]`.
  public var mermaid: String {
    var text = "erDiagram\n"
    for table in tables {
      text += "    \(ERDiagram.entity(table.name)) {\n"
      for column in table.columns { text += "        \(ERDiagram.attribute(column))\n" }
      text += "    }\n"
    }
    for relationship in relationships {
      let parent = ERDiagram.entity(relationship.parent)
      let child = ERDiagram.entity(relationship.child)
      let line =
        (relationship.isOptional ? "|o" : "||") + "--" + (relationship.isToOne ? "o|" : "o{")
      let label = ERDiagram.quoted(relationship.childColumns.joined(separator: ", "))
      text += "    \(parent) \(line) \(child) : \(label)\n"
    }
    return text
  }

  private static func entity(_ name: QualifiedName) -> String { quoted(shown(name)) }

  private static func attribute(_ column: Column) -> String {
    var keys: [String] = []
    if column.isPrimaryKey { keys.append("PK") }
    if column.isForeignKey { keys.append("FK") }
    if column.isUnique { keys.append("UK") }
    let name = word(column.name)
    var parts = [word(short(column.type)), name]
    if !keys.isEmpty { parts.append(keys.joined(separator: ", ")) }
    var notes: [String] = []
    if name != column.name { notes.append(column.name) }
    if column.isNotNull, !column.isPrimaryKey { notes.append("not null") }
    if !notes.isEmpty { parts.append(quoted(notes.joined(separator: ", "))) }
    return parts.joined(separator: " ")
  }

  /// What may stand for a type or an attribute, as near to the text as can be.
  private static func word(_ text: String) -> String {
    var word = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-", "(", ")", "[", "]":
        word.unicodeScalars.append(scalar)
      default: word += "_"
      }
    }
    // It has to begin with a letter.
    if let first = word.first, first.isLetter || first == "_" { return word }
    return "_\(word)"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      let isHarmful =
        category == .control || category == .format || category == .lineSeparator
        || category == .paragraphSeparator
      if isHarmful {
        result += " "
      } else if scalar == "\"" {
        result += "'"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
