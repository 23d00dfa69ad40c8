import Diagnostics
import PostgresModel

/// Numbered SQL files that no tool stands behind, with their way back in comments at the end.
///
/// The rules are Lockstep's own; the manual's page on this layout is their definition.
public struct RawLayout: Layout {
  public init() {}

  public let name = "raw"
  public let summary = "numbered SQL with a commented ROLLBACK section"
  public let defaultDirectories = ["migrations", "src/infra/migrations", "db/migrations"]
  public let defaultTable = "schema_migrations"

  public let rules = LayoutRules(
    transaction: .none, outOfOrder: .refused, dirtyMark: .none, missingFile: .refused)

  // MARK: Files

  /// The number of digits of a name `^([0-9]+)_([A-Za-z0-9_.-]+)\.sql$`; `nil` for other names.
  private static func digits(of name: String) -> Int? {
    guard name.hasSuffix(".sql") else { return nil }
    let count = name.utf8.prefix { $0.isASCIIDigit }.count
    let rest = name.utf8.dropFirst(count).dropLast(4)
    guard count > 0, rest.first == UInt8(ascii: "_"), rest.count > 1,
      rest.allSatisfy({
        $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: ".")
      })
    else { return nil }
    return count
  }

  private static func isHalfOfPair(_ name: String) -> Bool {
    name.hasSuffix(".up.sql") || name.hasSuffix(".down.sql")
  }

  public func recognise(_ files: [SourceFile]) -> Recognition {
    var best = Recognition.possible
    var isOtherSQL = false
    for file in files where !file.isDirectory && file.name.hasSuffix(".sql") {
      guard Self.digits(of: file.name) != nil, !Self.isHalfOfPair(file.name) else {
        isOtherSQL = true
        continue
      }
      let examined = Examination.of(file)
      let marks = examined.marks
      if marks.tool != nil { return .impossible }
      if examined.section != nil
        || marks.header.contains(where: { $0.key == "Migration" })
      {
        best = .certain
      } else if best < .likely, file.name.utf8.prefix(while: { $0.isASCIIDigit }).count < 12 {
        best = .likely
      }
    }
    return isOtherSQL && best < .likely ? .impossible : best
  }

  public func catalog(of files: [SourceFile]) -> Catalog {
    var catalog = Catalog(migrations: [])
    catalog.migrations.reserveCapacity(files.count)
    for file in files {
      switch read(file) {
      case .success(let migration): catalog.migrations.append(migration)
      case .failure(let reason):
        catalog.unsupported.append(Catalog.UnsupportedFile(file: file, reason: reason.words))
      }
    }
    catalog.migrations = sorted(catalog.migrations)
    catalog.notes = gaps(catalog.migrations)
    return catalog
  }

  /// What there is to be found in a file; told by whoever reads it, several at a time, as it costs more than
  /// the rest of the catalogue.
  final class Examination: Sendable {
    let marks: FileMarks
    let section: RollbackSection?

    init(_ file: SourceFile) {
      marks = FileMarks(file)
      section = RollbackSection(file, marks)
    }

    private init(_ marks: FileMarks, _ section: RollbackSection?) {
      self.marks = marks
      self.section = section
    }

    /// Of a file whose text is not held.
    var summarised: Examination { Examination(marks, section?.summarised) }

    static func of(_ file: SourceFile) -> Examination { file.rawExamination ?? Examination(file) }
  }

  public func examined(_ file: SourceFile) -> SourceFile {
    guard case .bytes = file.content else { return file }
    return file.with(Examination(file))
  }

  public func isExamined(_ file: SourceFile) -> Bool { file.rawExamination != nil }

  private struct Reason: Error {
    var words: String
  }

  private func read(_ file: SourceFile) -> Result<Migration, Reason> {
    guard !file.isDirectory, let digits = Self.digits(of: file.name) else {
      let rule = "its name is not NUMBER_description.sql"
      return .failure(Reason(words: file.reasonForPassingOver(rule)))
    }
    if Self.isHalfOfPair(file.name) {
      return .failure(
        Reason(words: "it is half of an up and down pair, which raw SQL does not have"))
    }
    let examined = Examination.of(file)
    if let tool = examined.marks.tool {
      return .failure(Reason(words: "it is marked as one of \(tool.name)"))
    }
    let version = Version(String(Substring(file.name.utf8.prefix(digits))))
    guard version.canonicalDigits.utf8.count <= 20, digits <= 20 else {
      return .failure(Reason(words: "its number has more than 20 digits"))
    }
    let title = String(Substring(file.name.utf8.dropFirst(digits + 1).dropLast(4)))
    return .success(migration(file, version, title, examined))
  }

  private func migration(
    _ file: SourceFile, _ version: Version, _ title: String, _ examined: Examination
  ) -> Migration {
    let marks = examined.marks
    var migration = Migration(
      version: version, name: title, files: [file], up: [],
      down: .none("there is no ROLLBACK section", mark: marks.irreversible))
    migration.header = marks.header
    migration.faults = file.contentFaults()
    if file.unreadableReason == nil { migration.checksum = file.checksum(.sha256) }
    guard migration.faults.isEmpty else { return migration }
    migration.up = [Script(file: file)]
    if let section = examined.section {
      migration.down = section.wayBack(of: file, mark: marks.irreversible)
      migration.notes += section.notes
    }
    return migration
  }

  /// By number, then by the order of the folders.
  private func sorted(_ migrations: [Migration]) -> [Migration] {
    sortedStably(
      migrations, key: { $0 }, file: { $0.files[0] },
      by: { a, b in
        if isOrderedBefore(a.version, b.version) { return true }
        if isOrderedBefore(b.version, a.version) { return false }
        return a.files[0].directory < b.files[0].directory
      })
  }

  /// Notes on numbers that are left out; timestamps follow no sequence.
  private func gaps(_ migrations: [Migration]) -> [Diagnostic] {
    zip(migrations, migrations.dropFirst()).compactMap { first, second in
      guard let a = first.version.number, let b = second.version.number, b > a, b - a > 1,
        second.version.text.utf8.count < 12
      else { return nil }
      return .note(
        code: "gap", "no migration stands between \(first.version) and \(second.version)",
        at: SourceLocation(file: second.files[0].path))
    }
  }

  public func identity(of version: Version) -> String { version.canonicalDigits }

  public func newFiles(_ request: NewMigration) -> [NewFile] {
    let style = request.inferredStyle(whenEmpty: .sequence(width: 3))
    let version = request.nextVersion(style: style, identity: { Version($0).canonicalDigits })
    let file = "\(version)_\(request.englishFileTitle).sql"
    let banner = "-- " + String(repeating: "=", count: 76)
    let down = request.down.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "--" : "-- \($0)" }
    var lines = ["-- Migration: \(file)", "-- Purpose:", "-- Phase:", "-- Checklist:", ""]
    lines += [request.up.isEmpty ? "" : String(request.section(request.up).dropLast()), ""]
    lines += [banner, "-- ROLLBACK", banner, "-- To rollback this migration:"]
    lines += request.down.isEmpty ? ["--"] : down.last == "--" ? down.dropLast() : down
    return [
      NewFile(
        path: "\(request.directory)/\(file)", content: lines.joined(separator: "\n") + "\n")
    ]
  }

  // MARK: History

  public func recognisesTable(columns: [String: String]) -> Bool {
    ["version", "name", "applied_at", "applied_by", "checksum"].allSatisfy { columns[$0] != nil }
      && columns["version"]?.hasPrefix("character varying") == true
  }

  private func needsLongVersions(_ catalog: Catalog) -> Bool {
    catalog.migrations.contains { $0.version.text.utf8.count > 10 }
  }

  public func createTable(_ table: QualifiedName, for catalog: Catalog) -> [String] {
    [
      """
      CREATE TABLE IF NOT EXISTS \(table.sql) (
        version VARCHAR(\(needsLongVersions(catalog) ? 20 : 10)) PRIMARY KEY,
        name VARCHAR(255) NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
        applied_by VARCHAR(255),
        checksum VARCHAR(64)
      )
      """
    ]
  }

  public var checksumAlgorithm: Checksum.Algorithm? { .sha256 }
  /// What of a file is not one whole script has been noted by `examined(_:)`.
  public var readsWholeFiles: Bool { true }

  public func adjustTable(
    _ table: QualifiedName, columns: [String: String], for catalog: Catalog
  ) -> [String] {
    guard columns["version"] == "character varying(10)", needsLongVersions(catalog) else {
      return []
    }
    return ["ALTER TABLE \(table.sql) ALTER COLUMN version TYPE VARCHAR(20)"]
  }

  public func readHistory(_ table: QualifiedName) -> Query<HistoryRow> {
    Query(
      """
      SELECT version, name, \(Instant.sql("applied_at")), applied_by, checksum \
      FROM \(table.sql) ORDER BY version
      """
    ) { (row) throws(ResultRow.Mismatch) in
      HistoryRow(
        version: Version(try row.string(0)), name: row.optionalString(1),
        appliedAt: try row.optionalInstant(2), appliedBy: row.optionalString(3),
        checksum: row.bytes(4).flatMap { Checksum(.sha256, hexadecimal: $0) })
    }
  }

  public func record(_ change: HistoryChange, in table: QualifiedName) -> HistoryWrite {
    let version = SQLText.literal(change.version.text)
    let checksum = change.checksum.map { SQLText.literal($0.hexadecimal) } ?? "NULL"
    switch change.kind {
    case .applied:
      // The columns hold 255 characters; a longer text would fail the migration at its very end.
      let name = SQLText.literal(String(change.name.prefix(255)))
      let by = change.runBy.map { SQLText.literal(String($0.prefix(255))) } ?? "NULL"
      return HistoryWrite(record: [
        SQLText.joined([
          "INSERT INTO ", table.sql, " (version, name, applied_by, checksum) VALUES (", version,
          ", ", name, ", ", by, ", ", checksum, ")",
        ])
      ])
    case .reverted:
      return HistoryWrite(record: ["DELETE FROM \(table.sql) WHERE version = \(version)"])
    case .reaffirmed:
      return HistoryWrite(record: [
        "UPDATE \(table.sql) SET checksum = \(checksum) WHERE version = \(version)"
      ])
    }
  }

  /// Nobody but Lockstep runs such files, and Lockstep takes its own.
  public func advisoryLocks(database: String, table: QualifiedName) -> [AdvisoryLockKey] { [] }
}
