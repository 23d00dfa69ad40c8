import Diagnostics
import PostgresModel

/// One migration tool, described wholly as values: its files, its history table, its locks, its rules.
///
/// Catalogue, planner, runner and dashboard know no tool by name; a new tool is a new conformer and one
/// line in `Layouts.all`.
public protocol Layout: Sendable {
  /// As `--layout` names it: `golang-migrate`.
  var name: String { get }
  /// One line for help and `doctor`.
  var summary: String { get }
  /// Folders looked at when none is given, best first.
  var defaultDirectories: [String] { get }

  // MARK: Files

  /// How surely these files belong to the tool.
  func recognise(_ files: [SourceFile]) -> Recognition
  /// Reads the files into migrations, in the order in which the tool applies them.
  func catalog(of files: [SourceFile]) -> Catalog
  /// A file with what `catalog(of:)` asks of its text already found, by whoever reads it.
  func examined(_ file: SourceFile) -> SourceFile
  /// Whether nothing is left to be found in a file's text.
  func isExamined(_ file: SourceFile) -> Bool
  /// Two versions with the same identity are one to the tool: `001` and `1` where it compares numbers.
  func identity(of version: Version) -> String
  /// Whether the tool applies `a` before `b`; says where a version without a file stands.
  func isOrderedBefore(_ a: Version, _ b: Version) -> Bool
  /// The files that `new` makes.
  func newFiles(_ request: NewMigration) -> [NewFile]
  /// Names of files or folders in the project's root that only this tool leaves there.
  var projectMarks: [String] { get }

  // MARK: History

  /// The digest that the history records of an up file's bytes; `nil` where it records none.
  var checksumAlgorithm: Checksum.Algorithm? { get }
  /// Whether the history may record a file of this name.
  func recordsChecksum(ofFile name: String) -> Bool
  /// Whether a catalog can be made of files that were examined and whose text was not kept
  /// (`SourceFile.summarised`): mostly since a migration's scripts are whole files.
  var readsWholeFiles: Bool { get }
  /// The table's name when nothing else is said.
  var defaultTable: String { get }
  /// How surely a table with these columns (name → type as `format_type` gives it) is the tool's.
  func recognisesTable(columns: [String: String]) -> Bool
  /// Statements that create the table as the tool does, for these migrations.
  func createTable(_ table: QualifiedName, for catalog: Catalog) -> [String]
  /// Statements that make an existing table with these columns fit for these migrations.
  func adjustTable(
    _ table: QualifiedName, columns: [String: String], for catalog: Catalog
  ) -> [String]
  func readHistory(_ table: QualifiedName) -> Query<HistoryRow>
  /// What to write when `migration` was applied or rolled back.
  func record(_ change: HistoryChange, in table: QualifiedName) -> HistoryWrite

  // MARK: Rules

  var rules: LayoutRules { get }
  /// The advisory locks of the tool itself, on this database.
  func advisoryLocks(database: String, table: QualifiedName) -> [AdvisoryLockKey]
}

extension Layout {
  public var projectMarks: [String] { [] }
  public func examined(_ file: SourceFile) -> SourceFile { file }
  public func isExamined(_ file: SourceFile) -> Bool { true }
  public var checksumAlgorithm: Checksum.Algorithm? { nil }
  public var readsWholeFiles: Bool { false }
  public func recordsChecksum(ofFile name: String) -> Bool { true }

  /// Whether a catalog can be made of these files: of what was read without keeping the text, everything
  /// that this layout asks must have been noted.
  public func canRead(_ files: [SourceFile]) -> Bool {
    files.allSatisfy {
      $0.isKept
        || readsWholeFiles && isExamined($0)
          && ($0.digest?.algorithm == checksumAlgorithm || !recordsChecksum(ofFile: $0.name))
    }
  }

  public func adjustTable(
    _ table: QualifiedName, columns: [String: String], for catalog: Catalog
  ) -> [String] { [] }

  /// By number, whatever the leading zeros; versions that are no numbers come first.
  public func isOrderedBefore(_ a: Version, _ b: Version) -> Bool {
    if let a = a.number, let b = b.number { return a < b }
    return Version.isNumericallyBefore(a.text, b.text)
  }
}

/// How surely files belong to a tool, weakest first.
public enum Recognition: Int, Sendable, Hashable, Comparable {
  /// Some file contradicts it.
  case impossible
  /// Nothing speaks against it, nothing for it.
  case possible
  /// Names fit.
  case likely
  /// A mark of this tool alone is there.
  case certain

  public static func < (a: Recognition, b: Recognition) -> Bool { a.rawValue < b.rawValue }
}

/// A 64-bit session advisory lock key, and who takes it.
public struct AdvisoryLockKey: Sendable, Hashable {
  public var key: Int64
  /// As in "held by …": `golang-migrate's command line`.
  public var owner: String

  public init(key: Int64, owner: String) {
    self.key = key
    self.owner = owner
  }
}

/// What the tool does in the situations that differ from tool to tool.
public struct LayoutRules: Sendable, Hashable {
  /// The transaction the tool itself opens around a script.
  public var transaction: Transaction
  /// How a pending migration older than an applied one is treated by the tool.
  public var outOfOrder: OutOfOrder
  /// Whether a roll back takes the newest applied migration, or the newest that has a way back.
  public var rollbackOrder: RollbackOrder
  /// Whether the history keeps a row for each applied migration, or only the current version.
  public var history: HistoryShape
  /// What kind of mark the tool's own history has for a run that broke off; `.none` makes Lockstep keep
  /// a row in `lockstep.journal` meanwhile.
  public var dirtyMark: DirtyMark
  /// Whether the tool refreshes a `schema.sql` after each run, and which extra text it appends.
  public var dumpsSchema: Bool
  /// What an applied migration without its file means.
  public var missingFile: MissingFile
  /// What a file has to say, in words, to be run outside a transaction by the tool; `nil` where the
  /// tool knows no such mark.
  public var noTransactionMark: String?
  /// The program that runs such files, as sentences name it; `nil` where no tool stands behind them.
  public var tool: String?

  public enum Transaction: Sendable, Hashable {
    /// `BEGIN … COMMIT` around each script.
    case perScript
    /// None of its own; Lockstep opens one unless the script cannot be run in one.
    case none
  }
  public enum OutOfOrder: Sendable, Hashable {
    /// The tool applies it without a word.
    case applied
    /// The tool never applies it and says nothing.
    case neverApplied
    /// It is an error.
    case refused
  }
  public enum MissingFile: Sendable, Hashable {
    /// Nothing can be run before it is put right.
    case refused
    /// The tool does not look.
    case ignored
  }
  public enum RollbackOrder: Sendable, Hashable { case newest, newestReversible }
  public enum HistoryShape: Sendable, Hashable { case rowPerMigration, currentVersionOnly }
  public enum DirtyMark: Sendable, Hashable { case inHistory, none }

  public init(
    transaction: Transaction, outOfOrder: OutOfOrder, rollbackOrder: RollbackOrder = .newest,
    history: HistoryShape = .rowPerMigration, dirtyMark: DirtyMark, dumpsSchema: Bool = false,
    missingFile: MissingFile = .refused, noTransactionMark: String? = nil, tool: String? = nil
  ) {
    self.transaction = transaction
    self.outOfOrder = outOfOrder
    self.rollbackOrder = rollbackOrder
    self.history = history
    self.dirtyMark = dirtyMark
    self.dumpsSchema = dumpsSchema
    self.missingFile = missingFile
    self.noTransactionMark = noTransactionMark
    self.tool = tool
  }
}

/// A change of the history table, with all a layout needs to write it.
public struct HistoryChange: Sendable, Hashable {
  public var version: Version
  public var name: String
  public var checksum: Checksum?
  public var kind: Kind
  /// The version that is current once a roll back is done; `nil` before the first. Only tools that keep
  /// the current version alone read it.
  public var previous: Version?
  /// The version that stays current where an older one is applied late; `nil`: `version`. Only tools
  /// that keep the current version alone read it.
  public var newest: Version?
  /// Who is recorded where the tool records it: `user@application host`, or the CI system's name.
  public var runBy: String?
  /// Whether the migration may run outside a transaction, so that the tool's own mark is wanted, too.
  public var wantsMark = true

  public enum Kind: Sendable, Hashable {
    case applied, reverted
    /// Stays applied, with the checksum of the file as it is now.
    case reaffirmed
  }

  public init(
    version: Version, name: String, checksum: Checksum?, kind: Kind, previous: Version? = nil,
    newest: Version? = nil, runBy: String? = nil
  ) {
    self.version = version
    self.name = name
    self.checksum = checksum
    self.kind = kind
    self.previous = previous
    self.newest = newest
    self.runBy = runBy
  }
}

/// The SQL of a history change: complete statements without a final semicolon, the table qualified.
public struct HistoryWrite: Sendable, Hashable {
  /// Written before a migration that runs outside a transaction: the tool's own dirty mark. Empty where
  /// the tool has none.
  public var mark: [String]
  /// Written with the migration in its transaction when no mark was set. `$elapsed` stands for the
  /// nanoseconds that the migration has taken so far, here and in the two below.
  public var record: [String]
  /// Written after a migration outside a transaction whose mark was set, in place of `record`.
  public var recordAfterMark: [String]
  /// Written after the commit, where that makes a difference.
  public var afterwards: [String]

  public init(
    mark: [String] = [], record: [String], recordAfterMark: [String]? = nil,
    afterwards: [String] = []
  ) {
    self.mark = mark
    self.record = record
    self.recordAfterMark = recordAfterMark ?? record
    self.afterwards = afterwards
  }
}

/// What `new` was asked for.
public struct NewMigration: Sendable {
  /// As typed by the user.
  public var name: String
  public var template: String?
  public var catalog: Catalog
  public var directory: String
  public var now: Instant
  /// Text of the template for up and down, without the layout's own markers.
  public var up: String
  public var down: String
  /// Whether the template's SQL cannot be run in a transaction.
  public var isOutsideTransaction: Bool

  public init(
    name: String, template: String? = nil, catalog: Catalog, directory: String, now: Instant,
    up: String, down: String, isOutsideTransaction: Bool = false
  ) {
    self.name = name
    self.template = template
    self.catalog = catalog
    self.directory = directory
    self.now = now
    self.up = up
    self.down = down
    self.isOutsideTransaction = isOutsideTransaction
  }
}

public struct NewFile: Sendable, Hashable {
  public var path: String
  public var content: String

  public init(path: String, content: String) {
    self.path = path
    self.content = content
  }
}
