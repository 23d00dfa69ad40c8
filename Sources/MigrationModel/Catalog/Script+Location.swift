import Diagnostics

extension Script {
  /// The text that is shown and sent.
  ///
  /// Bytes that are no UTF-8 come out as replacement characters; such a file never gets as far as
  /// being run.
  public var text: String {
    switch form {
    case .asWritten: String(decoding: file.bytes[range], as: UTF8.self)
    case .uncommented(let text, _): text
    }
  }

  /// A part of `text`, by UTF-8 offsets.
  public func text(in part: Range<Int>) -> String {
    switch form {
    case .asWritten:
      let start = range.lowerBound + part.lowerBound
      return String(decoding: file.bytes[start..<start + part.count], as: UTF8.self)
    case .uncommented(let text, _):
      return String(
        decoding: text.utf8.dropFirst(part.lowerBound).prefix(part.count), as: UTF8.self)
    }
  }

  /// The 1-based line of the file from which a 1-based line of the script's text comes.
  public func fileLine(ofTextLine line: Int) -> Int {
    switch form {
    case .asWritten: return file.line(ofByte: range.lowerBound) + line - 1
    case .uncommented(_, let lines):
      guard let last = lines.last else { return file.line(ofByte: range.lowerBound) }
      return line <= lines.count ? lines[max(1, line) - 1] : last
    }
  }

  /// The place in the file of a UTF-8 offset in the script's text.
  public func location(ofTextByte offset: Int) -> SourceLocation {
    switch form {
    case .asWritten: return file.location(ofByte: range.lowerBound + offset)
    case .uncommented(let text, _):
      // The marks that were taken off are of any width, so that a column would be a guess.
      let line = 1 + text.utf8.prefix(offset).count { $0 == 0x0A }
      return SourceLocation(file: file.path, line: fileLine(ofTextLine: line))
    }
  }

  /// The place in the file of a 1-based character of the script's text, as the server counts in an
  /// error's position.
  public func location(ofTextCharacter position: Int) -> SourceLocation {
    let text = text
    let scalars = text.unicodeScalars
    let index =
      scalars.index(scalars.startIndex, offsetBy: max(0, position - 1), limitedBy: scalars.endIndex)
      ?? scalars.endIndex
    return location(ofTextByte: text.utf8.distance(from: text.startIndex, to: index))
  }
}
