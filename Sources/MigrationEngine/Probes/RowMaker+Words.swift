extension RowMaker.Row {
  /// How a row is told: the columns that matter.
  func words(_ columns: [String]) -> String {
    let list = self.list(columns)
    return list.isEmpty ? "a row" : "a row with \(list)"
  }

  /// Columns with their values, no more than a few.
  func list(_ columns: [String]) -> String {
    columns.prefix(4).compactMap { column in
      values[column].map { "\(column) \(Self.short($0))" }
    }.joined(separator: ", ")
  }

  /// An expression without the casts that we put around it.
  static func short(_ expression: String) -> String {
    if expression.hasPrefix("NULL::") { return "NULL" }
    var text = expression[...]
    while text.hasPrefix("("), let cast = text.range(of: ")::") {
      text = text[text.index(after: text.startIndex)..<cast]
    }
    return text.count > 60 ? text.prefix(57) + "..." : String(text)
  }
}

extension Substring {
  /// The last occurrence of a short text.
  fileprivate func range(of part: String) -> Substring.Index? {
    var index = endIndex
    while index > startIndex {
      index = self.index(before: index)
      if self[index...].hasPrefix(part) { return index }
    }
    return nil
  }
}
