import Diagnostics
import PostgresModel

/// dbmate: one file with `-- migrate:up` and `-- migrate:down`.
///
/// Source: dbmate 2.35.0, `pkg/dbmate/db.go`, `pkg/dbmate/migration.go`,
/// `pkg/driver/postgres/postgres.go`; several sections also by running 2.34.1 to 2.37.0.
public struct DbmateLayout: Layout {
  public init() {}

  public let name = "dbmate"
  public let summary = "one file with -- migrate:up and -- migrate:down"
  public let defaultDirectories = ["db/migrations", "migrations"]
  public let projectMarks = [".env.dbmate"]
  public let defaultTable = "schema_migrations"

  public let rules = LayoutRules(
    transaction: .perScript, outOfOrder: .applied, dirtyMark: .none, dumpsSchema: true,
    missingFile: .ignored, noTransactionMark: "transaction:false behind the marker", tool: "dbmate")

  // MARK: Files

  public func recognise(_ files: [SourceFile]) -> Recognition {
    var isAnyMigration = false
    for file in files where !file.isDirectory && Self.digits(of: file.name) != nil {
      isAnyMigration = true
      if FileMarks(file).tool == .dbmate { return .certain }
    }
    return isAnyMigration ? .impossible : .possible
  }

  /// The number of leading digits of a name `^(\d+).*\.sql$`; `nil` for every other name.
  private static func digits(of name: String) -> Int? {
    guard name.hasSuffix(".sql") else { return nil }
    let count = name.utf8.prefix { $0.isASCIIDigit }.count
    return count > 0 ? count : nil
  }

  public func catalog(of files: [SourceFile]) -> Catalog {
    var migrations: [Migration] = []
    var unsupported: [Catalog.UnsupportedFile] = []
    migrations.reserveCapacity(files.count)
    for file in files {
      if !file.isDirectory, let digits = Self.digits(of: file.name) {
        migrations.append(migration(file, digits: digits))
      } else {
        let reason = file.reasonForPassingOver("its name does not begin with a version in digits")
        unsupported.append(Catalog.UnsupportedFile(file: file, reason: reason))
      }
    }
    let sorted = sortedStably(
      migrations, key: { $0.files[0].name }, file: { $0.files[0] },
      by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    return Catalog(migrations: sorted, unsupported: unsupported)
  }

  private func migration(_ file: SourceFile, digits: Int) -> Migration {
    let version = Version(String(Substring(file.name.utf8.prefix(digits))))
    var title = Substring(file.name.utf8.dropFirst(digits).dropLast(4))
    if title.hasPrefix("_") { title = title.dropFirst() }
    var migration = Migration(
      version: version, name: String(title), files: [file], up: [],
      down: .none(reason: "the file has no sections", isMarked: false))
    migration.faults = file.contentFaults()
    guard migration.faults.isEmpty else { return migration }
    let marks = FileMarks(file)
    migration.header = marks.header
    switch DbmateSections(file).read() {
    case .failure(let fault): migration.faults = [fault.diagnostic]
    case .success(let sections):
      migration.up = sections.map(\.up)
      // dbmate runs the sections from the first to the last in both directions.
      let down = sections.map(\.down).filter(\.holdsSQL)
      migration.down =
        down.isEmpty
        ? .none("its down section is empty", mark: marks.irreversible)
        : .scripts(down, mark: marks.irreversible)
      if sections.count > 1 { migration.notes.append(severalSections(file, sections.count)) }
    }
    return migration
  }

  private func severalSections(_ file: SourceFile, _ count: Int) -> Diagnostic {
    .warning(
      code: "several_sections",
      "\(file.name) has \(count) sections, and dbmate before 2.37 fails in the second: it "
        + "records the version after each",
      at: SourceLocation(file: file.path),
      next:
        "make a file of each section; Lockstep runs them in order and records the version with the "
        + "last")
  }

  public func identity(of version: Version) -> String { version.text }

  /// dbmate compares whole file names as bytes; most names go on with an underscore.
  public func isOrderedBefore(_ a: Version, _ b: Version) -> Bool {
    "\(a.text)_".utf8.lexicographicallyPrecedes("\(b.text)_".utf8)
  }

  public func newFiles(_ request: NewMigration) -> [NewFile] {
    let option = request.isOutsideTransaction ? " transaction:false" : ""
    let version = request.nextVersion(
      style: request.inferredStyle(whenEmpty: .timestamp), identity: { $0 })
    let content =
      "-- migrate:up\(option)\n\(request.section(request.up))\n"
      + "-- migrate:down\(option)\n\(request.section(request.down))"
    return [
      NewFile(path: "\(request.directory)/\(version)_\(request.fileTitle).sql", content: content)
    ]
  }

  // MARK: History

  public func recognisesTable(columns: [String: String]) -> Bool {
    guard columns.count == 1, let type = columns["version"] else { return false }
    return type.hasPrefix("character varying") || type == "text"
  }

  public func createTable(_ table: QualifiedName, for catalog: Catalog) -> [String] {
    ["create table if not exists \(table.sql) (version varchar primary key)"]
  }

  public func readHistory(_ table: QualifiedName) -> Query<HistoryRow> {
    Query("SELECT version FROM \(table.sql) ORDER BY version") {
      (row) throws(ResultRow.Mismatch) in
      HistoryRow(version: Version(try row.string(0)))
    }
  }

  public func record(_ change: HistoryChange, in table: QualifiedName) -> HistoryWrite {
    let version = SQLText.literal(change.version.text)
    switch change.kind {
    case .applied:
      return HistoryWrite(record: ["INSERT INTO \(table.sql) (version) VALUES (\(version))"])
    case .reverted:
      return HistoryWrite(record: ["DELETE FROM \(table.sql) WHERE version = \(version)"])
    case .reaffirmed: return HistoryWrite(record: [])
    }
  }

  /// The key is the same for every database and table; earlier versions take no lock, and later ones
  /// only when told so.
  ///
  /// Seen in `pg_locks` while dbmate 2.37.0 migrated with `--migration-lock`.
  public func advisoryLocks(database: String, table: QualifiedName) -> [AdvisoryLockKey] {
    [AdvisoryLockKey(key: 48_372_615, owner: "dbmate with --migration-lock")]
  }
}

/// The up and down sections of a dbmate file.
private struct DbmateSections {
  struct Section {
    var up: Script
    var down: Script
  }

  private struct Marker {
    var start: Int
    var isUp: Bool
  }

  private let file: SourceFile

  init(_ file: SourceFile) { self.file = file }

  func read() -> Result<[Section], Refusal> {
    guard case .bytes(let bytes) = file.content else { return .success([]) }
    return bytes.withUnsafeBufferPointer { read($0) }
  }

  private func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<[Section], Refusal> {
    let markers = Self.markers(in: bytes)
    guard let first = markers.first(where: \.isUp) else { return .failure(missingUp(bytes)) }
    if let down = markers.first, !down.isUp {
      return .failure(
        fault(
          "bad_markers", "`-- migrate:down` stands before `-- migrate:up`", at: down.start,
          next: "move the down section behind the up section"))
    }
    if let statement = statement(in: bytes, before: first.start) {
      return .failure(
        fault(
          "bad_markers", "there is more than comments before `-- migrate:up`", at: statement,
          next: "move the statement behind the marker; dbmate refuses the file as it is"))
    }
    var sections: [Section] = []
    var index = 0
    while index < markers.count {
      let up = markers[index]
      guard index + 1 < markers.count, !markers[index + 1].isUp else {
        return .failure(
          fault(
            "missing_down_marker", "there is no `-- migrate:down` for this `-- migrate:up`",
            at: up.start,
            next:
              "write `-- migrate:down` behind the up section, with nothing below it if there is no "
              + "way back"))
      }
      let down = markers[index + 1]
      let next = index + 2 < markers.count ? markers[index + 2] : nil
      if let next, !next.isUp {
        return .failure(
          fault(
            "bad_markers", "there is a second `-- migrate:down` in one section", at: next.start,
            next: "put the statements of both below one marker"))
      }
      let end = next?.start ?? bytes.count
      sections.append(
        Section(
          up: script(up.start..<down.start, bytes), down: script(down.start..<end, bytes)))
      index += 2
    }
    return .success(sections)
  }

  /// Where `(?m)^--\s*migrate:(up|down)(\s*$|\s+\S+)` matches: `\s` may cross a line, and whatever
  /// follows the word must be white space or the end.
  private static func markers(in bytes: UnsafeBufferPointer<UInt8>) -> [Marker] {
    var markers: [Marker] = []
    var cursor = LineCursor(bytes)
    while let line = cursor.next() {
      guard bytes.matches("--", at: line.lowerBound) else { continue }
      var word = line.lowerBound + 2
      while word < bytes.count, bytes[word].isGoSpace { word += 1 }
      let isUp = bytes.matches("migrate:up", at: word)
      guard isUp || bytes.matches("migrate:down", at: word) else { continue }
      let end = word + (isUp ? 10 : 12)
      guard end >= bytes.count || bytes[end].isGoSpace else { continue }
      markers.append(Marker(start: line.lowerBound, isUp: isUp))
    }
    return markers
  }

  private func statement(in bytes: UnsafeBufferPointer<UInt8>, before end: Int) -> Int? {
    var cursor = LineCursor(UnsafeBufferPointer(rebasing: bytes[..<end]))
    while let line = cursor.next() {
      var start = line.lowerBound
      while start < line.upperBound, bytes[start].isGoSpace { start += 1 }
      guard start < line.upperBound, !bytes.matches("--", at: start) else { continue }
      return start
    }
    return nil
  }

  private func script(_ range: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>) -> Script {
    let asks = Self.asksForNoTransaction(bytes, range)
    return Script(
      file: file, range: range,
      noTransaction: asks
        ? SourceLocation(file: file.path, line: file.line(ofByte: range.lowerBound)) : nil)
  }

  /// Reads the options as dbmate does: words of the marker's line with exactly one colon, the last of a
  /// key counts, and only the value `false` means anything.
  private static func asksForNoTransaction(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> Bool {
    var cursor = LineCursor(UnsafeBufferPointer(rebasing: bytes[range]))
    guard let line = cursor.next() else { return false }
    let text = bytes[range.lowerBound + line.lowerBound..<range.lowerBound + line.upperBound]
    var value: Bool?
    for word in text.split(whereSeparator: \.isGoSpace) {
      let parts = word.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      if parts.count == 2, parts[0].elementsEqual("transaction".utf8) {
        value = parts[1].elementsEqual("false".utf8)
      }
    }
    return value ?? false
  }

  private func missingUp(_ bytes: UnsafeBufferPointer<UInt8>) -> Refusal {
    if file.startsWithByteOrderMark, bytes.count > 3 {
      let rest = UnsafeBufferPointer(rebasing: bytes[3...])
      if Self.markers(in: rest).first?.start == 0 {
        return fault(
          "byte_order_mark",
          "a byte order mark stands before `-- migrate:up` and hides it from dbmate",
          at: 0, next: "save the file as UTF-8 without a byte order mark")
      }
    }
    return fault(
      "missing_up_marker", "there is no line that begins with `-- migrate:up`", at: 0,
      next: "write `-- migrate:up` in the first column above the statements")
  }

  private func fault(_ code: String, _ what: String, at offset: Int, next: String) -> Refusal {
    Refusal(
      .error(
        code: code, "\(file.name) is no dbmate migration: \(what)",
        at: file.location(ofByte: offset), next: next))
  }
}

extension Script {
  /// Whether there is anything but comments and white space.
  var holdsSQL: Bool {
    if case .summary(let summary) = file.content { return summary.holdsSQL }
    guard case .asWritten = form else { return !SQLScript.statements(in: text).isEmpty }
    return file.bytes.withUnsafeBufferPointer { bytes in
      let part = UnsafeBufferPointer(rebasing: bytes[range])
      var cursor = LineCursor(part)
      var mayBeBlockComment = false
      while let line = cursor.next() {
        var start = line.lowerBound
        while start < line.upperBound, part[start].isGoSpace { start += 1 }
        guard start < line.upperBound, !part.matches("--", at: start) else { continue }
        if part.matches("/*", at: start) || mayBeBlockComment {
          mayBeBlockComment = true
        } else if part[start] != UInt8(ascii: ";") {
          return true
        }
      }
      return mayBeBlockComment && !SQLScript.statements(in: part).isEmpty
    }
  }
}
