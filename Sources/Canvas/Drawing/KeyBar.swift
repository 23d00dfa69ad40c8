/// What a key does, as the key bar says it.
public struct KeyHint: Hashable, Sendable {
  /// The keys, for instance `^D` or `, .`.
  public var keys: String
  public var action: String
  /// Whether the key would only say why it does nothing at present.
  public var isFaint: Bool

  public init(_ keys: String, _ action: String, isFaint: Bool = false) {
    self.keys = keys
    self.action = action
    self.isFaint = isFaint
  }

  /// Makes a hint for one key, labelled as `Key` labels it.
  public init(_ key: Key, _ action: String, isFaint: Bool = false) {
    self.init(key.description, action, isFaint: isFaint)
  }
}

extension Frame {
  /// Writes as many of `hints` as fit on `area`'s first row, none of them cut.
  ///
  ///      Enter open  a apply  r roll back  ? help  q quit
  ///
  /// - Parameter lasting: How many at the end stay when others have to go: help and quit.
  public mutating func keyBar(
    _ hints: [KeyHint], lasting: Int = 2, in area: Rectangle, palette: Palette = .plain
  ) {
    func width(_ hint: KeyHint) -> Int { TextWidth.of(hint.keys) + TextWidth.of(hint.action) + 3 }
    let first = hints.dropLast(lasting)
    let last = hints.suffix(lasting)
    var room = area.size.columns + 1 - last.reduce(0) { $0 + width($1) }
    let fitting = first.prefix { hint in
      room -= width(hint)
      return room >= 0
    }
    var column = area.left + 1
    for hint in fitting + last {
      guard column + width(hint) - 2 <= area.right else { break }
      column += write(
        hint.keys, at: Point(column: column, row: area.top),
        style: hint.isFaint ? palette.dim : palette.key, within: area)
      column += 1
      column += write(
        hint.action, at: Point(column: column, row: area.top),
        style: hint.isFaint ? palette.dim : palette.text, within: area)
      column += 2
    }
  }
}
