import Diagnostics
import PostgresModel

/// golang-migrate: `1_x.up.sql` with `1_x.down.sql`, and a table that holds the current version alone.
///
/// Source: golang-migrate 4.19.1 and main of July 2026, `source/parse.go`, `source/migration.go`,
/// `database/postgres/postgres.go`, `database/util.go`, `migrate.go`.
public struct GolangMigrateLayout: Layout {
  public init() {}

  public let name = "golang-migrate"
  public let summary = "X.up.sql with X.down.sql, and one row for the current version"
  public let defaultDirectories = ["migrations", "db/migrations"]
  public let defaultTable = "schema_migrations"

  public let rules = LayoutRules(
    transaction: .none, outOfOrder: .neverApplied, history: .currentVersionOnly,
    dirtyMark: .inHistory, missingFile: .refused, tool: "golang-migrate")

  // MARK: Files

  /// A file's name as `^([0-9]+)_(.*)\.(down|up)\.(.*)$` reads it.
  private struct Name {
    var digits: Substring
    var number: UInt64?
    var title: Substring
    var isUp: Bool
    var fileExtension: Substring

    init?(_ name: String) {
      let bytes = name.utf8
      let end = bytes.firstIndex { !$0.isASCIIDigit } ?? bytes.endIndex
      guard end > bytes.startIndex, end < bytes.endIndex, bytes[end] == UInt8(ascii: "_") else {
        return nil
      }
      let rest = name[bytes.index(after: end)...]
      // The title takes as much as it can, so the last direction in the name counts.
      guard let split = Self.lastDirection(rest) else { return nil }
      digits = name[..<end]
      number = UInt64(digits)
      title = rest[..<split.range.lowerBound]
      isUp = split.isUp
      fileExtension = rest[split.range.upperBound...]
    }

    private static func lastDirection(
      _ text: Substring
    ) -> (range: Range<String.Index>, isUp: Bool)? {
      let bytes = text.utf8
      var start = bytes.endIndex
      while start > bytes.startIndex {
        start = bytes.index(before: start)
        guard bytes[start] == UInt8(ascii: ".") else { continue }
        for (word, isUp) in [(".up.", true), (".down.", false)]
        where text[start...].utf8.starts(with: word.utf8) {
          return (start..<bytes.index(start, offsetBy: word.utf8.count), isUp)
        }
      }
      return nil
    }
  }

  public func recognise(_ files: [SourceFile]) -> Recognition {
    var isSQL = false
    var isOther = false
    var isPassedOver = false
    for file in files where !file.isDirectory {
      guard let name = Name(file.name) else {
        if file.name.hasSuffix(".sql") { isPassedOver = true }
        continue
      }
      if FileMarks(file).tool != nil { return .impossible }
      if name.fileExtension == "sql" { isSQL = true } else { isOther = true }
    }
    if isOther, !isPassedOver { return .certain }
    if isSQL { return isPassedOver ? .possible : .likely }
    return isPassedOver ? .impossible : .possible
  }

  public func catalog(of files: [SourceFile]) -> Catalog {
    var catalog = Catalog(migrations: [])
    var ups: [(file: SourceFile, name: Name, number: UInt64)] = []
    var downs: [(file: SourceFile, name: Name, number: UInt64)] = []
    for file in files {
      guard !file.isDirectory, let name = Name(file.name) else {
        let reason = file.reasonForPassingOver("its name is not VERSION_title.up.sql or .down.sql")
        catalog.unsupported.append(Catalog.UnsupportedFile(file: file, reason: reason))
        continue
      }
      guard let number = name.number else {
        let reason =
          "its version does not fit 64 bits, and golang-migrate passes it over without a word"
        catalog.unsupported.append(Catalog.UnsupportedFile(file: file, reason: reason))
        continue
      }
      if name.isUp {
        ups.append((file, name, number))
      } else {
        downs.append((file, name, number))
      }
    }
    ups = sortedStably(ups, key: \.number, file: \.file, by: <)
    downs = sortedStably(downs, key: \.number, file: \.file, by: <)
    catalog.faults += duplicates(ups.map { ($0.file, $0.number) })
    catalog.faults += duplicates(downs.map { ($0.file, $0.number) })
    catalog.migrations = pairs(ups, downs)
    return catalog
  }

  private func duplicates(_ files: [(file: SourceFile, number: UInt64)]) -> [Diagnostic] {
    zip(files, files.dropFirst()).compactMap { first, second in
      guard first.number == second.number else { return nil }
      return .error(
        code: "duplicate_version",
        "\(first.file.name) and \(second.file.name) are both version \(first.number)",
        at: SourceLocation(file: second.file.path),
        next:
          "give one of them a number of its own; golang-migrate refuses the whole folder as it is")
    }
  }

  /// Joins both sorted lists by version, as a merge does.
  private func pairs(
    _ ups: [(file: SourceFile, name: Name, number: UInt64)],
    _ downs: [(file: SourceFile, name: Name, number: UInt64)]
  ) -> [Migration] {
    var migrations: [Migration] = []
    migrations.reserveCapacity(ups.count)
    var next = 0
    for up in ups {
      while next < downs.count, downs[next].number < up.number {
        migrations.append(migration(downs[next].name, up: nil, down: downs[next].file))
        next += 1
      }
      var down: SourceFile?
      if next < downs.count, downs[next].number == up.number {
        down = downs[next].file
        next += 1
      }
      migrations.append(migration(up.name, up: up.file, down: down))
    }
    for down in downs[next...] {
      migrations.append(migration(down.name, up: nil, down: down.file))
    }
    return migrations
  }

  private func migration(_ name: Name, up: SourceFile?, down: SourceFile?) -> Migration {
    var migration = Migration(
      version: Version(String(name.digits)), name: String(name.title),
      files: [up, down].compactMap { $0 }, up: [], down: .none(reason: "", isMarked: false))
    var mark: String?
    if let up {
      let faults = up.contentFaults()
      migration.faults += faults
      let marks = FileMarks(up)
      mark = marks.irreversible
      migration.header = marks.header
      if faults.isEmpty { migration.up = [Script(file: up)] }
    } else if let down {
      migration.notes.append(
        .note(
          code: "no_up_file", "version \(name.digits) has a down file alone: going up runs nothing",
          at: SourceLocation(file: down.path)))
    }
    if let down {
      let faults = down.contentFaults()
      migration.faults += faults
      let script = Script(file: down)
      migration.down =
        faults.isEmpty && script.holdsSQL
        ? .scripts([script], mark: mark) : .none("its down file is empty", mark: mark)
    } else {
      migration.down = .none("there is no down file", mark: mark)
    }
    if let number = name.number, number > UInt64(Int64.max), let file = migration.files.first {
      migration.faults.append(
        .error(
          code: "bad_version", "\(file.name) has a version that no bigint column can hold",
          at: SourceLocation(file: file.path), next: "give the file a smaller number"))
    }
    return migration
  }

  public var readsWholeFiles: Bool { true }

  public func identity(of version: Version) -> String { version.canonicalDigits }

  public func newFiles(_ request: NewMigration) -> [NewFile] {
    let style = request.inferredStyle(whenEmpty: .timestamp)
    let version = request.nextVersion(style: style, identity: { Version($0).canonicalDigits })
    let neighbour = request.catalog.migrations.last?.files.first
    let fileExtension = neighbour.flatMap { Name($0.name)?.fileExtension } ?? "sql"
    let base = "\(request.directory)/\(version)_\(request.fileTitle)"
    return [("up", request.up), ("down", request.down)].map { direction, text in
      NewFile(
        path: "\(base).\(direction).\(fileExtension)",
        content: text.isEmpty ? "" : request.section(text))
    }
  }

  // MARK: History

  public func recognisesTable(columns: [String: String]) -> Bool {
    columns.count == 2 && columns["version"] == "bigint" && columns["dirty"] == "boolean"
  }

  public func createTable(_ table: QualifiedName, for catalog: Catalog) -> [String] {
    [
      "CREATE TABLE IF NOT EXISTS \(table.sql) "
        + "(version bigint not null primary key, dirty boolean not null)"
    ]
  }

  public func readHistory(_ table: QualifiedName) -> Query<HistoryRow> {
    Query("SELECT version, dirty FROM \(table.sql) LIMIT 1") { (row) throws(ResultRow.Mismatch) in
      HistoryRow(
        version: Version(try row.string(0)), outcome: try row.bool(1) ? .broken : .applied)
    }
  }

  /// Writes the position as golang-migrate does: the table is emptied and the one row put in.
  public func record(_ change: HistoryChange, in table: QualifiedName) -> HistoryWrite {
    let position: String?
    switch change.kind {
    case .applied: position = identity(of: change.newest ?? change.version)
    case .reverted: position = change.previous.map { identity(of: $0) }
    case .reaffirmed: return HistoryWrite(record: [])
    }
    func write(_ version: String, dirty: Bool) -> [String] {
      [
        "TRUNCATE \(table.sql)",
        "INSERT INTO \(table.sql) (version, dirty) VALUES (\(version), \(dirty))",
      ]
    }
    return HistoryWrite(
      mark: write(position ?? "-1", dirty: true),
      // No version at all is an empty table.
      record: position.map { write($0, dirty: false) } ?? ["TRUNCATE \(table.sql)"])
  }

  /// Both keys: the command line leaves the slash of the URL's path in the database's name, the library
  /// does not.
  public func advisoryLocks(database: String, table: QualifiedName) -> [AdvisoryLockKey] {
    let additional = [table.schema ?? "public", table.name]
    return [
      .golangMigrate("/" + database, additional, owner: "golang-migrate's command line"),
      .golangMigrate(database, additional, owner: "a program with golang-migrate"),
    ]
  }
}
