/// A place in a text file.
public struct SourceLocation: Sendable, Hashable {
  /// The path as it is to be shown, relative to the working directory where that is shorter.
  public var file: String
  /// 1-based; `nil` means the whole file.
  public var line: Int?
  /// 1-based, counted in characters; `nil` means the whole line.
  public var column: Int?

  public init(file: String, line: Int? = nil, column: Int? = nil) {
    self.file = file
    self.line = line
    self.column = column
  }
}

extension SourceLocation: CustomStringConvertible {
  /// `file`, `file:line` or `file:line:column`.
  public var description: String {
    guard let line else { return file }
    guard let column else { return "\(file):\(line)" }
    return "\(file):\(line):\(column)"
  }
}
