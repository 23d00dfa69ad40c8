import Diagnostics

/// A script of a migration: a part of a file, sent to the server as one text.
public struct Script: Sendable, Hashable {
  public var file: SourceFile
  /// The bytes of the file that are shown and run (before uncommenting).
  public var range: Range<Int>
  public var form: Form
  /// Where the file itself asks to run outside a transaction (`transaction:false`,
  /// `-- no-transaction`); `nil` where it does not.
  public var noTransaction: SourceLocation?

  public enum Form: Sendable, Hashable {
    /// The bytes as they are.
    case asWritten
    /// The text of comment lines without their marks; element `i` of `lines` is the 1-based line of the
    /// file from which line `i` of the text comes.
    case uncommented(text: String, lines: [Int])
  }

  public init(
    file: SourceFile, range: Range<Int>? = nil, form: Form = .asWritten,
    noTransaction: SourceLocation? = nil
  ) {
    self.file = file
    self.range = range ?? 0..<file.bytes.count
    self.form = form
    self.noTransaction = noTransaction
  }
}

/// One migration of a folder, as its layout reads it.
public struct Migration: Sendable, Hashable {
  public var version: Version
  /// The description as the layout's tool shows it.
  public var name: String
  /// Every file that belongs to it, the up file first.
  public var files: [SourceFile]
  /// Usually one script; several for a dbmate file with several sections; none where only a down file
  /// exists.
  public var up: [Script]
  public var down: WayBack
  /// What the layout's history table records of the content; `nil` where it records none.
  public var checksum: Checksum?
  /// Header fields of the leading comment block, in order.
  public var header: [HeaderField]
  /// Things the user should know that keep nothing from running.
  public var notes: [Diagnostic]
  /// Things that keep this migration from being run; each says its way out.
  public var faults: [Diagnostic]

  public enum WayBack: Sendable, Hashable {
    /// The scripts, in the order in which they are run.
    case scripts([Script], warnings: [String])
    /// There is none, and why: `no down file`, `marked "WARNING: Non-reversible"`.
    case none(reason: String, isMarked: Bool)
    /// Written down, but not for the server to run; shown only.
    case documented(text: String, Diagnostic)
  }

  public struct HeaderField: Sendable, Hashable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  public init(
    version: Version, name: String, files: [SourceFile], up: [Script], down: WayBack,
    checksum: Checksum? = nil, header: [HeaderField] = [], notes: [Diagnostic] = [],
    faults: [Diagnostic] = []
  ) {
    self.version = version
    self.name = name
    self.files = files
    self.up = up
    self.down = down
    self.checksum = checksum
    self.header = header
    self.notes = notes
    self.faults = faults
  }

  public var isReversible: Bool {
    if case .scripts = down { true } else { false }
  }
}
