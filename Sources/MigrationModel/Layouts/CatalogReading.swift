import Diagnostics

/// What reading a folder needs in every layout.
extension SourceFile {
  /// Why a name without the form of a migration is none: short words for the list of such files.
  ///
  /// - Parameter rule: The form a name has to have, for files that are SQL.
  func reasonForPassingOver(_ rule: String) -> String {
    if isDirectory { return "it is a folder, and folders inside are not read" }
    if name.hasPrefix(".") { return "a hidden file" }
    let lower = name.lowercased()
    if lower.hasPrefix("readme") || lower.hasSuffix(".md") { return "a text for people" }
    guard lower.hasSuffix(".sql") else {
      let dot = name.lastIndex(of: ".").map { String(name[$0...]) }
      return dot.map { "\($0) files are not run" } ?? "it has no .sql at its end"
    }
    if !name.hasSuffix(".sql") { return "its ending is not .sql in lower case" }
    return rule
  }
}

/// Sorts by a key, files of equal keys by name and then by folder, as bytes.
func sortedStably<Element, Key>(
  _ elements: [Element], key: (Element) -> Key, file: (Element) -> SourceFile,
  by isLess: (Key, Key) -> Bool
) -> [Element] {
  let keyed = elements.map { (key: key($0), element: $0) }
  // Folders are read by name, and names begin with versions: there is seldom anything to do.
  let isSorted = zip(keyed, keyed.dropFirst()).allSatisfy { isLess($0.key, $1.key) }
  if isSorted { return elements }
  let sorted = keyed.sorted { a, b in
    if isLess(a.key, b.key) { return true }
    if isLess(b.key, a.key) { return false }
    let first = file(a.element)
    let second = file(b.element)
    if first.name != second.name {
      return first.name.utf8.lexicographicallyPrecedes(second.name.utf8)
    }
    return first.directory < second.directory
  }
  return sorted.map(\.element)
}

extension Migration.WayBack {
  /// The way back of a migration that has no script for it.
  static func none(_ reason: String, mark: String?) -> Migration.WayBack {
    guard let mark else { return .none(reason: reason, isMarked: false) }
    return .none(reason: "marked \"\(mark)\"", isMarked: true)
  }

  /// The scripts, with the warning of the author that they do not bring everything back.
  static func scripts(_ scripts: [Script], mark: String?) -> Migration.WayBack {
    .scripts(scripts, warnings: mark.map { ["marked \"\($0)\""] } ?? [])
  }
}
