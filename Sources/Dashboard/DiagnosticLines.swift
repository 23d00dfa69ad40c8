import Canvas
import Diagnostics

/// A diagnostic as lines of the screen: the words of the command line, wrapped.
enum DiagnosticLines {
  /// Returns what, SQLSTATE, details, place and way out; labels stand out, texts are wrapped beside
  /// them.
  static func lines(_ diagnostic: Diagnostic, columns: Int, palette: Palette) -> [StyledText] {
    let style: Style =
      switch diagnostic.severity {
      case .error: palette.danger
      case .warning: palette.warning
      case .note: palette.active
      }
    var what = diagnostic.what
    if let sqlstate = diagnostic.sqlstate { what += " (SQLSTATE \(sqlstate))" }
    var lines = labelled(
      "\(diagnostic.severity.rawValue):", what, indent: 0, columns, label: style, palette.text)
    var details = diagnostic.details
    if let at = diagnostic.at { details.append(Diagnostic.Detail("at", at)) }
    if let next = diagnostic.next { details.append(Diagnostic.Detail("next", next)) }
    for detail in details {
      lines += labelled(
        "\(detail.label):", detail.text, indent: 2, columns, label: palette.dim, palette.text)
    }
    return lines
  }

  private static func labelled(
    _ label: String, _ text: String, indent: Int, _ columns: Int, label labelStyle: Style,
    _ style: Style
  ) -> [StyledText] {
    let padding = String(repeating: " ", count: indent)
    let column = indent + max(TextWidth.of(label) + 1, indent == 0 ? 0 : 6)
    let first = TextWidth.pad(padding + label, to: column)
    // Where the label leaves no room, texts go below it.
    let isNarrow = columns - column < 16
    let texts = TextWidth.wrap(text, to: max(1, isNarrow ? columns - indent - 2 : columns - column))
    if isNarrow {
      return [StyledText(padding + label, labelStyle)]
        + texts.map { StyledText(padding + "  " + $0, style) }
    }
    let rest = String(repeating: " ", count: column)
    return texts.enumerated().map { index, text in
      StyledText(index == 0 ? first : rest, labelStyle) + StyledText(text, style)
    }
  }
}
