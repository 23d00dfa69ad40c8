extension ChecklistReport {
  /// Commands that make GitHub Actions write beside a migration's file what is not settled: a line each.
  ///
  /// - Parameter items: Those that were asked for; `nil` for all.
  ///
  /// Source: GitHub documentation, "Workflow commands for GitHub Actions", `::error` and `::warning`.
  public func annotations(of items: Set<String>? = nil) -> String {
    var text = ""
    for migration in migrations {
      let name = "\(migration.version)_\(migration.name)"
      for item in migration.items
      where !item.status.isSettled && items?.contains(item.item.id) != false {
        let command = item.status == .failed ? "error" : "warning"
        var properties = ["title=\(Self.property("\(item.item.title): \(item.status.words)"))"]
        if let file = files[migration.version] {
          properties.insert("file=\(Self.property(file))", at: 0)
        }
        let lines = ["\(name): \(item.item.title): \(item.status.words)"] + Self.reasons(item)
        let message = Self.data(lines.joined(separator: "\n"))
        text += "::\(command) \(properties.joined(separator: ","))::\(message)\n"
      }
    }
    let (settled, all) = migrations.map(\.progress).reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
    let place = environment.map { " on \($0)" } ?? ""
    let summary = Self.data("\(title)\(place): \(verdict.rawValue), \(settled) of \(all) settled")
    return text + "::notice::\(summary)\n"
  }

  /// What speaks against it, or else leaves it open.
  private static func reasons(_ item: CheckedItem) -> [String] {
    let against = item.evidence.filter { $0.weight == .refutes }
    let shown = against.isEmpty ? item.evidence.filter { $0.weight == .unclear } : against
    return shown.prefix(10).map(\.text)
  }

  /// A line break would end the command and begin another.
  private static func data(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "%": result += "%25"
      case "\r": result += "%0D"
      case "\n": result += "%0A"
      default: result += MarkdownText.harmless(String(scalar))
      }
    }
    return result
  }

  private static func property(_ text: String) -> String {
    var result = ""
    for character in data(text) {
      switch character {
      case ":": result += "%3A"
      case ",": result += "%2C"
      default: result.append(character)
      }
    }
    return result
  }
}
