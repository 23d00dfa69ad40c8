import PostgresModel

extension NewMigration {
  /// How the versions of a folder are made.
  enum VersionStyle: Hashable {
    /// `20260109120000`, UTC.
    case timestamp
    /// Consecutive numbers, with zeros in front up to this width.
    case sequence(width: Int)
  }

  /// The name as it stands in a file's name: lower case, words joined by underscores.
  var fileTitle: String { fileTitle(of: { $0.isLetter || $0.isNumber }) }

  /// As `fileTitle`, for a layout whose names hold the letters of English alone.
  var englishFileTitle: String { fileTitle(of: { $0.isASCII && ($0.isLetter || $0.isNumber) }) }

  private func fileTitle(of isKept: (Character) -> Bool) -> String {
    var title = ""
    var previousIsLower = false
    for character in name {
      let isUpper = character.isASCII && character.isUppercase
      if isUpper, previousIsLower { title.append("_") }
      previousIsLower = character.isLowercase || character.isNumber
      if isKept(character) {
        title.append(contentsOf: character.lowercased())
      } else if !title.isEmpty, title.last != "_" {
        title.append("_")
      }
    }
    while title.last == "_" { title.removeLast() }
    return title.isEmpty ? "migration" : title
  }

  /// What the neighbours do: timestamps where the newest version has the length of one.
  func inferredStyle(whenEmpty: VersionStyle) -> VersionStyle {
    let versions = catalog.migrations.map(\.version.text)
    guard let newest = versions.last else { return whenEmpty }
    if newest.utf8.count >= 12 { return .timestamp }
    let widths = versions.filter { $0.utf8.count < 12 }.map(\.utf8.count)
    return .sequence(width: widths.max() ?? newest.utf8.count)
  }

  /// The version of a new file, in the style of the folder, that no other file has.
  ///
  /// - Parameter identity: When two versions are one to the tool.
  func nextVersion(style: VersionStyle, identity: (String) -> String) -> String {
    switch style {
    case .timestamp:
      let taken = Set(catalog.migrations.map { identity($0.version.text) })
      var moment = now
      while taken.contains(identity(moment.versionText)) { moment.microseconds += 1_000_000 }
      return moment.versionText
    case .sequence(let width):
      let numbers = catalog.migrations.map(\.version).filter { $0.text.utf8.count < 12 }
      let next = (numbers.compactMap(\.number).max() ?? 0) + 1
      let digits = String(next)
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
  }

  /// A section of a file: the text with one line break at its end, or two empty lines.
  func section(_ text: String) -> String {
    text.isEmpty ? "\n" : text.hasSuffix("\n") ? text : text + "\n"
  }
}
