/// The sections of a `pg_service.conf`: names of connections that libpq knows.
///
/// Source: PostgreSQL manual, 34.17 "The Connection Service File".
struct EnvironmentServices: Sendable, Hashable {
  /// Names in order, each with its keywords.
  var services: [(name: String, keywords: [String: String])] = []

  init() {}

  init(_ text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.drop { $0.isWhitespace }
      guard let first = line.first, first != "#" else { continue }
      if first == "[" {
        services.append((String(line.dropFirst().prefix { $0 != "]" }), [:]))
      } else if let equals = line.firstIndex(of: "="), !services.isEmpty {
        let value = line[line.index(after: equals)...]
        services[services.count - 1].keywords[String(line[..<equals])] = String(value)
      }
    }
  }

  var names: [String] { services.map(\.name) }

  static func == (a: EnvironmentServices, b: EnvironmentServices) -> Bool {
    a.services.elementsEqual(b.services) { $0.name == $1.name && $0.keywords == $1.keywords }
  }

  func hash(into hasher: inout Hasher) { hasher.combine(names) }
}
