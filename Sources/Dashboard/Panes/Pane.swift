import Canvas
import Diagnostics

/// A part of the screen with its own selection and scroll; what it shows comes from the facts.
///
/// A new pane is one file and one line in `Panes.all`; key bar, help and arrangement read what it
/// says about itself.
public protocol Pane: Sendable {
  /// The key that leads to it, 1 to 9; unique among all panes.
  var number: Int { get }
  /// As the help names it.
  var name: String { get }
  var slot: Slot { get }
  /// The keys that mean something here only; they go before `Bindings.everywhere`.
  var bindings: [Binding] { get }

  /// Whether there is anything to show yet; a pane that is not in use leaves its place to others.
  func isInUse(_ facts: Facts) -> Bool
  func heading(_ facts: Facts) -> Heading
  /// Brings what it keeps in line with the facts; called after every message and change of size.
  ///
  /// - Parameter size: The cells inside its border; zero while it is not on the screen.
  mutating func settle(_ facts: inout Facts, size: Size)
  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect]
  /// A click on a cell inside the border.
  mutating func click(_ point: Point, _ facts: inout Facts) -> [Effect]
  func view(_ facts: Facts, size: Size) -> Frame
  /// Opens what is selected within the pane; tells whether there is such a thing.
  mutating func open(_ facts: Facts) -> Bool
  /// Goes back to where something was opened from.
  mutating func close()
  /// What copying takes: the row, or the row with what belongs to it.
  func copyText(_ facts: Facts, more: Bool) -> String?
  /// The pane's whole content without borders, for pager and file.
  func plainText(_ facts: Facts) -> String
  /// The pane's content in a form for programs; `nil` where it has none but its text.
  func export(_ format: ExportFormat, _ facts: Facts) -> String?
  /// Sets what `/` looks for and goes to the first match; an empty text ends the search.
  mutating func find(_ text: String, _ facts: inout Facts)
  /// Whether anything of the pane matches a search.
  func finds(_ text: String, _ facts: Facts) -> Bool
  /// Shows only what matches; an empty text shows all.
  mutating func filter(_ text: String, _ facts: inout Facts)
  /// Whether a search or a filter is on, which going back ends.
  var isNarrowed: Bool { get }
  /// The line of a file that the selection stands for.
  func place(_ facts: Facts) -> SourceLocation?
  /// The pane and the action that show the same where this one has no place of its own.
  var standIn: (number: Int, action: Action)? { get }
}

extension Pane {
  public var bindings: [Binding] { [] }
  public var standIn: (number: Int, action: Action)? { nil }
  public var isNarrowed: Bool { false }
  public func place(_ facts: Facts) -> SourceLocation? { nil }
  public func isInUse(_ facts: Facts) -> Bool { true }
  public mutating func settle(_ facts: inout Facts, size: Size) {}
  public mutating func open(_ facts: Facts) -> Bool { false }
  public mutating func close() {}
  public mutating func click(_ point: Point, _ facts: inout Facts) -> [Effect] { [] }
  public func export(_ format: ExportFormat, _ facts: Facts) -> String? {
    format == .text ? plainText(facts) : nil
  }
  public func copyText(_ facts: Facts, more: Bool) -> String? { nil }
  public mutating func find(_ text: String, _ facts: inout Facts) {}
  public func finds(_ text: String, _ facts: Facts) -> Bool { true }
  public mutating func filter(_ text: String, _ facts: inout Facts) {}
}

/// What stands in a pane's upper border.
public struct Heading: Sendable, Hashable {
  /// Left, after the number; the tabs of a pane that has some.
  public var parts: [Part]
  /// Right: counts, age, cost.
  public var note: String
  /// What stands there where `note` would push the left side out.
  public var shortNote: String
  /// What stands on the left where it and `note` do not fit beside each other; `nil`: the same, cut.
  public var shortTitle: String?

  public struct Part: Sendable, Hashable {
    public var text: String
    public var isChosen: Bool

    public init(_ text: String, isChosen: Bool = true) {
      self.text = text
      self.isChosen = isChosen
    }
  }

  public init(_ title: String, note: String = "", shortNote: String? = nil) {
    self.init([Part(title)], note: note, shortNote: shortNote)
  }

  public init(_ parts: [Part], note: String = "", shortNote: String? = nil) {
    self.parts = parts
    self.note = note
    self.shortNote = shortNote ?? note
  }
}

/// The places of an arrangement; panes in one place share it.
public enum Slot: Sendable, Hashable, CaseIterable {
  /// The list that everything else follows.
  case list
  /// The text of what is selected.
  case script
  /// The way back, beside the script where there is room.
  case wayBack
  /// What was checked, below the list or beside it.
  case checks
  /// What runs.
  case progress
  /// The locks, always in sight.
  case locks
  /// One session of the locks.
  case detail
  /// The past minutes.
  case timeline
}
