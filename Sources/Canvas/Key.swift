/// A key that was pressed, a click, or a text that was pasted.
public enum Key: Hashable, Sendable {
  /// A printable character, and the space.
  case character(Character)
  /// A letter held with control, in lower case: `.control("d")` is ctrl-d.
  case control(Character)
  case up, down, left, right
  case shiftArrow(Arrow)
  case controlArrow(Arrow)
  case pageUp, pageDown, home, end
  case tab, shiftTab, enter, escape, backspace, delete, insert
  /// F1 to F24.
  case function(Int)
  case mouse(MouseEvent)
  /// A text pasted in one go by a terminal that brackets it, so that none of it acts as a key.
  case paste(String)

  /// The direction of an arrow key held with shift or control.
  public enum Arrow: String, Hashable, Sendable, CaseIterable {
    case up, down, left, right
  }
}

/// What happened with the mouse, and over which cell.
public struct MouseEvent: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable {
    case press, release, doublePress, wheelUp, wheelDown
  }

  public var point: Point
  public var kind: Kind

  public init(_ kind: Kind, at point: Point) {
    self.kind = kind
    self.point = point
  }
}

extension Key: CustomStringConvertible {
  /// The label of the key bar and of the help: `^D`, `Enter`, `PgUp`.
  public var description: String {
    switch self {
    case .character(" "): "Space"
    case .character(let character): String(character)
    case .control(let character): "^" + character.uppercased()
    case .up: "Up"
    case .down: "Down"
    case .left: "Left"
    case .right: "Right"
    case .shiftArrow(let arrow): "S-" + Key.label(arrow)
    case .controlArrow(let arrow): "C-" + Key.label(arrow)
    case .pageUp: "PgUp"
    case .pageDown: "PgDn"
    case .home: "Home"
    case .end: "End"
    case .tab: "Tab"
    case .shiftTab: "S-Tab"
    case .enter: "Enter"
    case .escape: "Esc"
    case .backspace: "Backspace"
    case .delete: "Del"
    case .insert: "Ins"
    case .function(let number): "F\(number)"
    case .mouse(let event): event.kind.rawValue
    case .paste: "paste"
    }
  }

  private static func label(_ arrow: Arrow) -> String {
    switch arrow {
    case .up: "Up"
    case .down: "Down"
    case .left: "Left"
    case .right: "Right"
    }
  }
}
