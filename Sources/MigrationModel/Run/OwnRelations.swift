import PostgresModel

extension RunUnit {
  /// The tables that the script makes, by their own names.
  public var tablesMade: Set<String> {
    Set(
      statements.indices.compactMap { index in
        guard statements[index].command == "CREATE TABLE" else { return nil }
        let words = words(of: index)
        guard let table = words.firstIndex(where: { $0.uppercased() == "TABLE" }) else {
          return nil
        }
        let name = words[(table + 1)...].first {
          !["IF", "NOT", "EXISTS"].contains($0.uppercased())
        }
        return name.map(RunUnit.ownName)
      })
  }

  /// Whether it can be told from the text alone that no relation is locked but those the script makes;
  /// what is not plain counts as more.
  public var touchesOnlyItsOwn: Bool {
    let made = tablesMade
    return statements.indices.allSatisfy { index in
      let words = words(of: index)
      let upper = words.map { $0.uppercased() }
      switch statements[index].command {
      case "CREATE TABLE":
        let others: Set = ["REFERENCES", "INHERITS", "PARTITION", "LIKE", "AS", "IF", "OF"]
        return others.isDisjoint(with: upper)
      case "CREATE INDEX":
        guard let on = upper.firstIndex(of: "ON") else { return false }
        let name = words[(on + 1)...].first { $0.uppercased() != "ONLY" }
        return name.map { made.contains(RunUnit.ownName($0)) } ?? false
      case "CREATE TYPE", "CREATE SCHEMA", "CREATE SEQUENCE", "CREATE DOMAIN": return true
      default: return false
      }
    }
  }

  /// Its words, parted by blanks and parentheses.
  private func words(of index: Int) -> [Substring] {
    let utf8 = sql.utf8
    let range = statements[index].range
    let start = utf8.index(utf8.startIndex, offsetBy: range.lowerBound)
    let end = utf8.index(utf8.startIndex, offsetBy: range.upperBound)
    return sql[start..<end].split { $0.isWhitespace || $0 == "(" || $0 == ")" || $0 == "," }
  }

  /// Without its schema and quotes.
  private static func ownName(_ word: Substring) -> String {
    let name = word.split(separator: ".").last ?? word
    return name.first == "\"" ? String(name.filter { $0 != "\"" }) : name.lowercased()
  }
}
