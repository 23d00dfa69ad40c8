import Diagnostics

/// A `.env` file: names and values, read and never evaluated.
///
/// Source: joho/godotenv 1.5 (`parser.go`), which dbmate uses; dotenvy, which sqlx uses, reads the same
/// files alike. `$NAME` and `${NAME}` stand for variables that are already known; commands such as
/// `$(…)` are left as they are written.
struct EnvironmentFile: Sendable, Hashable {
  /// The path as it is shown.
  var path: String
  /// Later lines have replaced earlier ones of the same name.
  var variables: [String: String]

  /// A line that is none of a `.env` file; its content is not repeated, as it may hold a password.
  struct SyntaxError: Explainable, Hashable {
    var reason: String
    var place: SourceLocation

    var diagnostic: Diagnostic {
      .error(
        code: "configuration", "the environment file cannot be read: \(reason)", at: place,
        next: "write NAME=value there, with quotes around a value that holds blanks or #")
    }
  }

  /// Reads the text of a file.
  ///
  /// - Parameter known: Variables of the process, for `$NAME`.
  init(_ text: String, path: String, known: [String: String] = [:]) throws(SyntaxError) {
    var reader = Reader(Array(text.unicodeScalars), path: path, known: known)
    self.path = path
    variables = try reader.read()
  }

  private struct Reader {
    var text: [Unicode.Scalar]
    var index = 0
    var line = 1
    let path: String
    let known: [String: String]
    var variables: [String: String] = [:]

    init(_ text: [Unicode.Scalar], path: String, known: [String: String]) {
      self.text = text
      self.path = path
      self.known = known
      if text.first == "\u{feff}" { index = 1 }
    }

    var peek: Unicode.Scalar? { index < text.count ? text[index] : nil }

    mutating func next() {
      if peek == "\n" { line += 1 }
      index += 1
    }

    func error(_ reason: String, line: Int? = nil) -> SyntaxError {
      SyntaxError(reason: reason, place: SourceLocation(file: path, line: line ?? self.line))
    }

    mutating func read() throws(SyntaxError) -> [String: String] {
      while skipToName() {
        let name = try name()
        variables[name] = try value()
      }
      return variables
    }

    /// Skips blanks, empty lines and comments; `false` at the end.
    mutating func skipToName() -> Bool {
      while let scalar = peek {
        if scalar == "#" {
          skipLine()
        } else if isBlank(scalar) || isLineEnd(scalar) {
          next()
        } else {
          return true
        }
      }
      return false
    }

    mutating func skipLine() {
      while let scalar = peek, !isLineEnd(scalar) { next() }
    }

    mutating func name() throws(SyntaxError) -> String {
      let start = line
      var name = ""
      while let scalar = peek, scalar != "=", scalar != ":", !isLineEnd(scalar) {
        name.unicodeScalars.append(scalar)
        next()
      }
      guard let mark = peek, mark == "=" || mark == ":" else {
        throw error("a line without \"=\"", line: start)
      }
      next()
      var words = name.split { $0 == " " || $0 == "\t" }
      if words.count == 2, words[0] == "export" { words.removeFirst() }
      let isName = words.first?.unicodeScalars.allSatisfy {
        $0 == "_" || $0 == "." || $0.properties.isAlphabetic || $0.properties.numericType != nil
      }
      guard words.count == 1, isName == true else {
        throw error("what stands before \"\(mark)\" is no name", line: start)
      }
      return String(words[0])
    }

    mutating func value() throws(SyntaxError) -> String {
      while let scalar = peek, isBlank(scalar) { next() }
      if let quote = peek, quote == "\"" || quote == "'" { return try quoted(quote) }
      var value = String.UnicodeScalarView()
      while let scalar = peek, !isLineEnd(scalar) {
        // A comment begins at a # behind a blank; a # inside a word belongs to it.
        if scalar == "#", value.isEmpty || value.last.map(isBlank) == true {
          skipLine()
          break
        }
        value.append(scalar)
        next()
      }
      while let last = value.last, isBlank(last) { value.removeLast() }
      return expanded(value)
    }

    mutating func quoted(_ quote: Unicode.Scalar) throws(SyntaxError) -> String {
      let start = line
      next()
      var value = String.UnicodeScalarView()
      while let scalar = peek, scalar != quote {
        value.append(scalar)
        next()
        if scalar == "\\", peek == quote {
          if quote == "\"" { value.removeLast() }
          value.append(quote)
          next()
        }
      }
      guard peek == quote else { throw error("a quote that is not closed", line: start) }
      next()
      skipLine()
      guard quote == "\"" else { return String(value) }
      return expanded(unescaped(value))
    }

    /// Reads `\n` and `\r`; any other escaped character but `$` loses its backslash.
    func unescaped(_ text: String.UnicodeScalarView) -> String.UnicodeScalarView {
      var result = String.UnicodeScalarView()
      var isEscape = false
      for scalar in text {
        switch (isEscape, scalar) {
        case (false, "\\"):
          isEscape = true
          continue
        case (true, "n"): result.append("\n")
        case (true, "r"): result.append("\r")
        case (true, "$"): result.append(contentsOf: "\\$".unicodeScalars)
        default: result.append(scalar)
        }
        isEscape = false
      }
      if isEscape { result.append("\\") }
      return result
    }

    /// Puts in variables that stand further up or in the process; one that is not known is empty.
    func expanded(_ text: String.UnicodeScalarView) -> String {
      var result = ""
      var rest = text[...]
      while let scalar = rest.popFirst() {
        if scalar == "\\", rest.first == "$" {
          rest.removeFirst()
          result.unicodeScalars.append("$")
          continue
        }
        var name = rest
        let isBraced = scalar == "$" && name.first == "{"
        if isBraced { name.removeFirst() }
        let letters = name.prefix { "A"..."Z" ~= $0 || "0"..."9" ~= $0 || $0 == "_" }
        let end = name[letters.endIndex...]
        guard scalar == "$", !letters.isEmpty, !isBraced || end.first == "}" else {
          result.unicodeScalars.append(scalar)
          continue
        }
        result += known[String(letters)] ?? variables[String(letters)] ?? ""
        rest = isBraced ? end.dropFirst() : end
      }
      return result
    }

    func isBlank(_ scalar: Unicode.Scalar) -> Bool {
      scalar == " " || scalar == "\t" || scalar == "\u{a0}"
    }
    func isLineEnd(_ scalar: Unicode.Scalar) -> Bool { scalar == "\n" || scalar == "\r" }
  }
}
