import PostgresModel

extension ChecklistReport {
  /// A page of its own: no script, nothing that is fetched from elsewhere, readable on paper and in the
  /// dark.
  public var html: String {
    let heading = "\(title): \(verdict.rawValue)"
    let place = environment.map { "\($0): \(database)" } ?? database
    var text = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(HTMLText.escaped(heading))</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      <h1>\(HTMLText.escaped(heading))</h1>
      <p>\(HTMLText.escaped(place))<br>\(at.shortText) UTC, by \(HTMLText.escaped(by))</p>

      """
    if migrations.isEmpty { text += "<p>No migrations.</p>\n" }
    for migration in migrations { text += Self.html(migration) }
    return text + "</body>\n</html>\n"
  }

  private static let style = """
    :root { color-scheme: light dark; }
    body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
    table { border-collapse: collapse; width: 100%; }
    th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8886; }
    pre { margin: .3rem 0 0; white-space: pre-wrap; font-size: .85em; }
    code { overflow-wrap: anywhere; }
    .status { white-space: nowrap; font-weight: 600; }
    .passed, .signed { color: #1a7f37; }
    .failed { color: #cf222e; }
    .waived, .open, .stale { color: #9a6700; }
    @media (prefers-color-scheme: dark) {
      .passed, .signed { color: #3fb950; }
      .failed { color: #f85149; }
      .waived, .open, .stale { color: #d29922; }
    }
    """

  private static func html(_ migration: CheckedMigration) -> String {
    let name = HTMLText.escaped("\(migration.version)_\(migration.name)")
    var text = "<h2>\(name): \(migration.verdict.rawValue), \(migration.progressWords)</h2>\n"
    if !migration.checksum.isEmpty {
      text += "<p>SHA-256 <code>\(HTMLText.escaped(migration.checksum))</code></p>\n"
    }
    for line in migration.rehearsalLines { text += "<p>\(HTMLText.escaped(line))</p>\n" }
    text += "<table>\n<thead><tr><th>Status</th><th>Item</th></tr></thead>\n<tbody>\n"
    for (heading, items) in migration.sections {
      if let heading { text += "<tr><th colspan=\"2\">\(HTMLText.escaped(heading))</th></tr>\n" }
      for item in items { text += html(item) }
    }
    return text + "</tbody>\n</table>\n"
  }

  private static func html(_ item: CheckedItem) -> String {
    var text =
      "<tr><td class=\"status \(item.status.rawValue)\">\(item.status.mark) \(item.status.words)</td><td>"
    text += HTMLText.escaped(item.item.title)
    if let attribution = item.attribution {
      text += "<br><small>\(HTMLText.escaped(attribution))</small>"
    }
    for note in item.notes { text += "<br><small>Note: \(HTMLText.escaped(note))</small>" }
    if !item.evidence.isEmpty {
      let lines = item.evidence.map { HTMLText.escaped("\($0.weight.mark) \($0.text)") }
      let isOpen = item.status == .failed ? " open" : ""
      text += "<details\(isOpen)><summary>evidence</summary>"
      text += "<pre>\(lines.joined(separator: "\n"))</pre></details>"
    }
    return text + "</td></tr>\n"
  }
}

/// Text made safe to stand in HTML, between tags or in quotes.
enum HTMLText {
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in MarkdownText.harmless(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
