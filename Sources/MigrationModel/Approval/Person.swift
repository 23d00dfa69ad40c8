/// Somebody as files and version control name them.
public struct Person: Sendable, Hashable {
  public var name: String?
  public var email: String?

  /// Reads `Ann Author <ann@example.org>`, a name alone or an address alone.
  public init(_ text: String) {
    let trimmed = Person.trimmed(text[...])
    if let open = trimmed.lastIndex(of: "<"), trimmed.hasSuffix(">") {
      let before = Person.trimmed(trimmed[..<open])
      name = before.isEmpty ? nil : String(before)
      email = String(trimmed[trimmed.index(after: open)...].dropLast())
    } else if trimmed.contains("@"), !trimmed.contains(where: \.isWhitespace) {
      email = String(trimmed)
    } else {
      name = trimmed.isEmpty ? nil : String(trimmed)
    }
  }

  /// Whether both can be one person: the same address, or the same name, whatever its case.
  ///
  /// The addresses that GitHub hides others behind, `123+ann@users.noreply.github.com`, are the login as
  /// well.
  public func mayBe(_ other: Person) -> Bool {
    !names.isDisjoint(with: other.names)
  }

  private var names: Set<String> {
    var names: Set<String> = []
    if let name { names.insert(name.lowercased()) }
    if let email = email?.lowercased() {
      names.insert(email)
      if email.hasSuffix("@users.noreply.github.com"), let at = email.firstIndex(of: "@") {
        let login = email[..<at].split(separator: "+").last.map(String.init)
        if let login { names.insert(login) }
      }
    }
    return names
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
