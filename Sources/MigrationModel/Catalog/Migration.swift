import Diagnostics

/// A script of a migration: a part of a file, sent to the server as one text.
public struct Script: Sendable, Hashable {
  public let file: SourceFile
  /// The bytes of the file that are shown and run (before uncommenting).
  public let range: Range<Int>
  private let uncommented: Shared<Form>?
  private let lineOfNoTransaction: Int?

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
    self.range = range ?? 0..<file.byteCount
    uncommented = form == .asWritten ? nil : Shared(form)
    lineOfNoTransaction = noTransaction.map { $0.line ?? 1 }
  }

  public var form: Form { uncommented?.value ?? .asWritten }

  /// Where the file itself asks to run outside a transaction (`transaction:false`,
  /// `-- no-transaction`); `nil` where it does not.
  public var noTransaction: SourceLocation? {
    lineOfNoTransaction.map { SourceLocation(file: file.path, line: $0) }
  }
}

/// One migration of a folder, as its layout reads it.
public struct Migration: Sendable, Hashable {
  private var shared: Shared<Fields>

  private struct Fields: Sendable, Hashable {
    var version: Version
    var name: String
    var files: [SourceFile]
    var up: [Script]
    var down: WayBack
    var checksum: Checksum?
    var header: [HeaderField]
    var notes: [Diagnostic]
    var faults: [Diagnostic]
  }

  public enum WayBack: Sendable, Hashable {
    /// The scripts, in the order in which they are run.
    case scripts([Script], warnings: [String])
    /// There is none, and why: `no down file`, `marked "WARNING: Non-reversible"`.
    case none(reason: String, isMarked: Bool)
    /// Written down, but not for the server to run; shown only.
    indirect case documented(text: String, Diagnostic)
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
    shared = Shared(
      Fields(
        version: version, name: name, files: files, up: up, down: down, checksum: checksum,
        header: header, notes: notes, faults: faults))
  }

  public var version: Version {
    get { shared.value.version }
    set { shared.value.version = newValue }
  }

  /// The description as the layout's tool shows it.
  public var name: String {
    get { shared.value.name }
    set { shared.value.name = newValue }
  }

  /// Every file that belongs to it, the up file first.
  public var files: [SourceFile] {
    get { shared.value.files }
    set { shared.value.files = newValue }
  }

  /// Usually one script; several for a dbmate file with several sections; none where only a down file
  /// exists.
  public var up: [Script] {
    get { shared.value.up }
    set { shared.value.up = newValue }
  }

  public var down: WayBack {
    get { shared.value.down }
    set { shared.value.down = newValue }
  }

  /// What the layout's history table records of the content; `nil` where it records none.
  public var checksum: Checksum? {
    get { shared.value.checksum }
    set { shared.value.checksum = newValue }
  }

  /// Header fields of the leading comment block, in order.
  public var header: [HeaderField] {
    get { shared.value.header }
    set { shared.value.header = newValue }
  }

  /// Things the user should know that keep nothing from running.
  public var notes: [Diagnostic] {
    get { shared.value.notes }
    set { shared.value.notes = newValue }
  }

  /// Things that keep this migration from being run; each says its way out.
  public var faults: [Diagnostic] {
    get { shared.value.faults }
    set { shared.value.faults = newValue }
  }

  public var isReversible: Bool {
    if case .scripts = down { true } else { false }
  }
}
