import Diagnostics
import PostgresModel

/// sqlx-cli: `X.sql`, or `X.up.sql` with `X.down.sql`; `X.sql` with `X.down.sql` works as well.
///
/// Source: sqlx 0.8.6 and main of March 2026, `sqlx-core/src/migrate/source.rs`, `migration.rs`,
/// `sqlx-postgres/src/migrate.rs`, `sqlx-cli/src/migrate.rs`.
public struct SqlxLayout: Layout {
  /// Characters left out before a file is hashed: `ignored-chars` of `sqlx.toml`, since sqlx 0.9.
  public var ignoredCharacters: Set<Unicode.Scalar>

  public init(ignoredCharacters: Set<Unicode.Scalar> = []) {
    self.ignoredCharacters = ignoredCharacters
  }

  public let name = "sqlx"
  public let summary = "X.sql, or X.up.sql with X.down.sql, and checksums"
  public let defaultDirectories = ["migrations", "backend/migrations"]
  public let projectMarks = ["sqlx.toml", ".sqlx"]
  public let defaultTable = "_sqlx_migrations"

  public let rules = LayoutRules(
    transaction: .perScript, outOfOrder: .applied, rollbackOrder: .newestReversible,
    dirtyMark: .inHistory, missingFile: .refused,
    noTransactionMark: "`-- no-transaction` as the first line", tool: "sqlx")

  // MARK: Files

  /// A file's name as sqlx reads it.
  private struct Name {
    enum Kind { case simple, up, down }

    var version: String
    var number: Int64?
    var kind: Kind
    /// Empty where it was not asked for.
    var description = ""

    /// `nil` for names that sqlx passes over.
    ///
    /// - Parameter isDescribed: Whether the description is wanted: it is a text of its own.
    init?(_ name: String, isDescribed: Bool = true) {
      // Bytes: a folder has two names a migration, and characters cost a hundred times as much.
      var name = name
      let read = name.withUTF8 { bytes -> (version: Int, kind: Kind, end: Int)? in
        guard let underscore = bytes.firstIndex(of: UInt8(ascii: "_")) else { return nil }
        var end = bytes.count
        func ends(with suffix: StaticString) -> Bool {
          end - suffix.utf8CodeUnitCount > underscore
            && bytes.matches(suffix, at: end - suffix.utf8CodeUnitCount)
        }
        guard ends(with: ".sql") else { return nil }
        let (kind, suffix): (Kind, StaticString) =
          ends(with: ".up.sql")
          ? (.up, ".up.sql") : ends(with: ".down.sql") ? (.down, ".down.sql") : (.simple, ".sql")
        // sqlx trims the suffix as often as it stands there: `a.sql.sql` is "a".
        while ends(with: suffix) { end -= suffix.utf8CodeUnitCount }
        return (underscore, kind, end)
      }
      guard let read else { return nil }
      kind = read.kind
      version = String(decoding: name.utf8.prefix(read.version), as: UTF8.self)
      number = Int64(version)
      guard isDescribed else { return }
      description = name.withUTF8 { bytes in
        let words = bytes[(read.version + 1)..<read.end]
        return String(unsafeUninitializedCapacity: words.count) { buffer in
          var count = 0
          for byte in words {
            buffer[count] = byte == UInt8(ascii: "_") ? UInt8(ascii: " ") : byte
            count += 1
          }
          return count
        }
      }
    }
  }

  public func recognise(_ files: [SourceFile]) -> Recognition {
    var kinds: Set<Name.Kind> = []
    var hasTimestamp = false
    for file in files where !file.isDirectory {
      guard let name = Name(file.name) else { continue }
      if let tool = FileMarks(file).tool {
        if tool == .sqlx { return .certain }
        return .impossible
      }
      guard name.number != nil else { return .impossible }
      kinds.insert(name.kind)
      if name.version.utf8.count >= 12 { hasTimestamp = true }
    }
    if kinds.isEmpty {
      return files.contains { $0.name.hasSuffix(".sql") && !$0.isDirectory }
        ? .impossible : .possible
    }
    if kinds.contains(.up) || kinds.contains(.down) { return .likely }
    return hasTimestamp ? .likely : .possible
  }

  public func catalog(of files: [SourceFile]) -> Catalog {
    var catalog = Catalog(migrations: [])
    // Places in `files`: what is moved about while sorting is small.
    var ups: [(number: Int64, file: Int)] = []
    var downs: [(number: Int64, file: Int)] = []
    ups.reserveCapacity(files.count / 2)
    for (index, file) in files.enumerated() {
      guard !file.isDirectory, let name = Name(file.name, isDescribed: false) else {
        let reason = file.reasonForPassingOver("its name has no underscore behind a version")
        catalog.unsupported.append(Catalog.UnsupportedFile(file: file, reason: reason))
        continue
      }
      guard let number = name.number else {
        catalog.faults.append(badVersion(file, name.version))
        continue
      }
      if name.kind == .down {
        downs.append((number, index))
      } else {
        ups.append((number, index))
      }
    }
    ups = sortedStably(ups, key: \.number, file: { files[$0.file] }, by: <)
    downs = sortedStably(downs, key: \.number, file: { files[$0.file] }, by: <)
    catalog.migrations = pairs(ups, downs, files, &catalog.unsupported)
    return catalog
  }

  /// Joins both sorted lists by version, as a merge does: up files of one version share the first down
  /// file that has it, and a down file alone is a migration too.
  private func pairs(
    _ ups: [(number: Int64, file: Int)], _ downs: [(number: Int64, file: Int)],
    _ files: [SourceFile], _ unsupported: inout [Catalog.UnsupportedFile]
  ) -> [Migration] {
    var migrations: [Migration] = []
    migrations.reserveCapacity(ups.count)
    var nextUp = 0
    func add(upTo number: Int64?, down: SourceFile?) -> Bool {
      var isUsed = false
      while nextUp < ups.count, number.map({ ups[nextUp].number <= $0 }) ?? true {
        let isPair = ups[nextUp].number == number
        migrations.append(migration(up: files[ups[nextUp].file], down: isPair ? down : nil))
        isUsed = isUsed || isPair
        nextUp += 1
      }
      return isUsed
    }
    var previous: (number: Int64, file: Int)?
    for down in downs {
      if let previous, previous.number == down.number {
        let reason = "\(files[previous.file].name) is the way back of the same version"
        unsupported.append(Catalog.UnsupportedFile(file: files[down.file], reason: reason))
        continue
      }
      previous = down
      if !add(upTo: down.number, down: files[down.file]) {
        migrations.append(migration(up: nil, down: files[down.file]))
      }
    }
    _ = add(upTo: nil, down: nil)
    return migrations
  }

  private func badVersion(_ file: SourceFile, _ version: String) -> Diagnostic {
    .error(
      code: "bad_version",
      "\(file.name) has no version that sqlx can read: \"\(version)\" is no 64-bit integer",
      at: SourceLocation(file: file.path),
      next:
        "give the file a number before its first underscore, or move it out of the folder; sqlx "
        + "refuses the whole folder as it is")
  }

  private func migration(up: SourceFile?, down: SourceFile?) -> Migration {
    let name = (up ?? down).flatMap { Name($0.name) }
    var files: [SourceFile] = []
    files.reserveCapacity(2)
    var scripts: [Script] = []
    var faults: [Diagnostic] = []
    var marks = FileMarks()
    var checksum: Checksum?
    if let up {
      files.append(up)
      faults = up.contentFaults()
      marks = FileMarks(up)
      if faults.isEmpty { scripts = [script(up)] }
      if up.unreadableReason == nil { checksum = self.checksum(of: up) }
    }
    var way = Migration.WayBack.none("there is no down file", mark: marks.irreversible)
    if let down {
      files.append(down)
      let found = down.contentFaults()
      faults += found
      let script = script(down)
      way =
        found.isEmpty && script.holdsSQL
        ? .scripts([script], mark: marks.irreversible)
        : .none("its down file is empty", mark: marks.irreversible)
    }
    return Migration(
      version: Version(name?.version ?? ""), name: name?.description ?? "", files: files,
      up: scripts, down: way, checksum: checksum, header: marks.header, faults: faults)
  }

  private func script(_ file: SourceFile) -> Script {
    let asks = FileMarks(file).tool == .sqlx
    return Script(
      file: file, noTransaction: asks ? SourceLocation(file: file.path, line: 1) : nil)
  }

  /// SHA-384 of the whole file, less the characters to ignore.
  private func checksum(of file: SourceFile) -> Checksum {
    guard !ignoredCharacters.isEmpty else { return file.checksum(.sha384) }
    var kept = String.UnicodeScalarView()
    for scalar in String(decoding: file.bytes, as: UTF8.self).unicodeScalars
    where !ignoredCharacters.contains(scalar) {
      kept.append(scalar)
    }
    return Checksum(.sha384, of: Array(String(kept).utf8))
  }

  public func identity(of version: Version) -> String {
    // Most versions are written as they are compared: no new text is made of them.
    let digits = version.text.utf8
    if let first = digits.first, first >= 0x31, first <= 0x39 { return version.text }
    return Int64(version.text).map { String($0) } ?? version.text
  }

  public func isOrderedBefore(_ a: Version, _ b: Version) -> Bool {
    (Int64(a.text) ?? .min) < (Int64(b.text) ?? .min)
  }

  public func newFiles(_ request: NewMigration) -> [NewFile] {
    let files = request.catalog.migrations.flatMap(\.files).map(\.name)
    let isUpAndDown = files.isEmpty || files.contains { $0.hasSuffix(".up.sql") }
    let isPair = isUpAndDown || files.contains { $0.hasSuffix(".down.sql") }
    let base = "\(request.directory)/\(newVersion(request))_\(request.fileTitle)"
    func content(_ text: String, _ placeholder: String) -> String {
      let mark = request.isOutsideTransaction ? "-- no-transaction\n" : ""
      return mark + (text.isEmpty ? "-- Add \(placeholder) script here\n" : request.section(text))
    }
    guard isPair else {
      return [NewFile(path: base + ".sql", content: content(request.up, "migration"))]
    }
    return [
      NewFile(
        path: base + (isUpAndDown ? ".up.sql" : ".sql"),
        content: content(request.up, isUpAndDown ? "up migration" : "migration")),
      NewFile(path: base + ".down.sql", content: content(request.down, "down migration")),
    ]
  }

  /// As `sqlx migrate add`: a sequence where the last two versions follow each other, or the only one
  /// is 0 or 1; else a timestamp.
  private func newVersion(_ request: NewMigration) -> String {
    let numbers = request.catalog.migrations.filter { !$0.up.isEmpty }
      .compactMap { Int64($0.version.text) }
    let last = numbers.last
    let isSequence =
      numbers.count > 1
      ? numbers[numbers.count - 1].subtractingReportingOverflow(numbers[numbers.count - 2])
        == (1, false)
      : last == 0 || last == 1
    guard isSequence, request.inferredStyle(whenEmpty: .timestamp) != .timestamp else {
      return request.nextVersion(style: .timestamp, identity: { $0 })
    }
    var width = 4
    if case .sequence(let seen) = request.inferredStyle(whenEmpty: .timestamp),
      request.catalog.migrations.contains(where: {
        $0.version.text.hasPrefix("0") && $0.version.text != "0"
      })
    {
      width = seen
    }
    return request.nextVersion(style: .sequence(width: width), identity: { $0 })
  }

  // MARK: History

  public func recognisesTable(columns: [String: String]) -> Bool {
    columns["version"] == "bigint" && columns["success"] == "boolean"
      && columns["checksum"] == "bytea" && columns["execution_time"] == "bigint"
      && columns["description"] != nil
  }

  public var checksumAlgorithm: Checksum.Algorithm? { .sha384 }
  public var readsWholeFiles: Bool { ignoredCharacters.isEmpty }
  public func recordsChecksum(ofFile name: String) -> Bool {
    var name = name
    return !name.withUTF8 { $0.matches(".down.sql", at: $0.count - 9) }
  }

  public func createTable(_ table: QualifiedName, for catalog: Catalog) -> [String] {
    [
      """
      CREATE TABLE IF NOT EXISTS \(table.sql) (
          version BIGINT PRIMARY KEY,
          description TEXT NOT NULL,
          installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
          success BOOLEAN NOT NULL,
          checksum BYTEA NOT NULL,
          execution_time BIGINT NOT NULL
      )
      """
    ]
  }

  public func readHistory(_ table: QualifiedName) -> Query<HistoryRow> {
    Query(
      """
      SELECT version, description, \(Instant.sql("installed_on")), success, \
      encode(checksum, 'hex'), execution_time FROM \(table.sql) ORDER BY version
      """
    ) { (row) throws(ResultRow.Mismatch) in
      let duration = try row.integer(5)
      return HistoryRow(
        version: Version(try row.string(0)), name: row.optionalString(1),
        appliedAt: try row.optionalInstant(2),
        checksum: row.bytes(4).flatMap { Checksum(.sha384, hexadecimal: $0) },
        durationNanoseconds: duration < 0 ? nil : duration,
        outcome: try row.optionalBool(3) == false ? .broken : .applied)
    }
  }

  public func record(_ change: HistoryChange, in table: QualifiedName) -> HistoryWrite {
    let version = Int64(change.version.text).map { String($0) } ?? "NULL"
    let checksum = SQLText.joined(["decode('", change.checksum?.hexadecimal ?? "", "', 'hex')"])
    let table = table.sql
    func insert(success: Bool) -> String {
      SQLText.joined([
        "INSERT INTO ", table,
        " (version, description, success, checksum, execution_time) VALUES (", version, ", ",
        SQLText.literal(change.name), success ? ", TRUE, " : ", FALSE, ", checksum,
        success ? ", $elapsed)" : ", -1)",
      ])
    }
    if !change.wantsMark, change.kind == .applied {
      return HistoryWrite(record: [insert(success: true)])
    }
    let update = SQLText.joined(["UPDATE ", table, " SET success = TRUE, checksum = ", checksum])
    switch change.kind {
    case .applied:
      // sqlx writes the time in a statement of its own after the commit; the row is the same, and one
      // transaction holds all of it.
      return HistoryWrite(
        mark: [insert(success: false)], record: [insert(success: true)],
        recordAfterMark: [
          SQLText.joined([update, ", execution_time = $elapsed WHERE version = ", version])
        ])
    case .reverted:
      let mark = "UPDATE \(table) SET success = FALSE WHERE version = \(version)"
      return HistoryWrite(
        mark: change.wantsMark ? [mark] : [],
        record: ["DELETE FROM \(table) WHERE version = \(version)"])
    case .reaffirmed: return HistoryWrite(record: [update + " WHERE version = \(version)"])
    }
  }

  public func advisoryLocks(database: String, table: QualifiedName) -> [AdvisoryLockKey] {
    [.sqlx(database: database)]
  }
}
