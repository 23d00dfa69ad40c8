import Diagnostics
import MigrationModel
import PostgresModel
import Testing

/// The status of these files with these rows.
func joined(
  _ layout: any Layout, _ files: [SourceFile], _ rows: [HistoryRow] = [],
  unfinished: [UnfinishedRun] = [], known: Set<UInt64>? = nil
) -> ProjectStatus {
  ProjectStatus.joining(
    catalog: layout.catalog(of: files),
    history: History(
      rows: rows, tableExists: true, unfinished: unfinished, knownVersions: known),
    layout: layout, table: QualifiedName(schema: "public", layout.defaultTable))
}

/// Rows of these versions, as a table of versions alone has them.
func rows(_ versions: String...) -> [HistoryRow] {
  versions.map { HistoryRow(version: Version($0)) }
}

/// A dbmate file with a way back.
func dbmateFile(_ name: String, up: String = "SELECT 1;", down: String = "SELECT 2;") -> SourceFile
{
  file(name, "-- migrate:up\n\(up)\n-- migrate:down\n\(down)\n")
}

/// Version, state and problems of each line, as one word each.
private func lines(_ status: ProjectStatus) -> [String] {
  status.migrations.map { migration in
    let problems = migration.problems.map(\.code)
    return ([migration.version.text, migration.state.rawValue] + problems).joined(separator: " ")
  }
}

@Suite struct ProjectStatusJoiningTests {
  @Test func `files with a row are applied, the others pending`() {
    let status = joined(
      DbmateLayout(), [dbmateFile("1_a.sql"), dbmateFile("2_b.sql"), dbmateFile("3_c.sql")],
      rows("1", "2"))
    #expect(lines(status) == ["1 applied", "2 applied", "3 pending"])
    #expect((status.appliedCount, status.pendingCount, status.problemCount) == (2, 1, 0))
    #expect(status.migrations[0].row == HistoryRow(version: Version("1")))
  }

  @Test func `rows without a file stand where their version belongs`() {
    let status = joined(
      DbmateLayout(), [dbmateFile("10_b.sql"), dbmateFile("20_a.sql")], rows("05", "15", "20", "99")
    )
    #expect(
      lines(status) == [
        "05 applied missing_file", "10 pending out_of_order", "15 applied missing_file",
        "20 applied", "99 applied missing_file",
      ])
    let numbers = joined(
      SqlxLayout(), [file("2_a.sql"), file("010_b.sql")],
      [HistoryRow(version: Version("9"), name: "gone"), HistoryRow(version: Version("10"))])
    #expect(
      lines(numbers) == [
        "2 pending irreversible_without_note out_of_order", "9 applied missing_file",
        "010 applied irreversible_without_note",
      ])
    #expect(numbers.migrations[1].name == "gone")
  }

  @Test func `a file changed only where a checksum was recorded and differs`() {
    let text = Array("A;".utf8)
    let recorded = Checksum(.sha384, of: text)
    func problems(_ checksum: Checksum?) -> [MigrationStatus.Problem] {
      joined(
        SqlxLayout(), [file("1_a.up.sql", bytes: text), file("1_a.down.sql")],
        [HistoryRow(version: Version("1"), checksum: checksum)]
      ).migrations[0].problems
    }
    #expect(problems(recorded).isEmpty)
    #expect(problems(nil).isEmpty)
    let other = Checksum(.sha384, of: [])
    #expect(problems(other) == [.changed(recorded: other, found: recorded)])
  }

  @Test func `a pending file older than an applied one is out of order`() {
    let status = joined(
      DbmateLayout(), [dbmateFile("1_a.sql"), dbmateFile("2_b.sql"), dbmateFile("3_c.sql")],
      rows("2"))
    #expect(lines(status) == ["1 pending out_of_order", "2 applied", "3 pending"])
    #expect(status.migrations[0].problems == [.outOfOrder(newestApplied: Version("2"))])
  }

  @Test func `files of one version name each other and flip together`() {
    let status = joined(
      SqlxLayout(), [file("1_a.sql"), file("001_b.sql"), file("1_a.down.sql")], rows("1"))
    #expect(
      lines(status) == ["001 applied duplicate_version", "1 applied duplicate_version"])
    #expect(
      status.migrations.map(\.problems) == [
        [.duplicateVersion(paths: ["migrations/1_a.sql"])],
        [.duplicateVersion(paths: ["migrations/001_b.sql"])],
      ])
    let texts = joined(DbmateLayout(), [dbmateFile("1_a.sql"), dbmateFile("001_b.sql")])
    #expect(texts.migrations.allSatisfy { $0.problems.isEmpty })
  }

  @Test func `a row marked as broken is dirty`() {
    let status = joined(
      SqlxLayout(), [file("1_a.sql"), file("1_a.down.sql")],
      [HistoryRow(version: Version("1"), outcome: .broken)])
    #expect(lines(status) == ["1 failed dirty"])
    let gone = joined(SqlxLayout(), [], [HistoryRow(version: Version("1"), outcome: .broken)])
    #expect(lines(gone) == ["1 failed dirty missing_file"])
  }

  @Test func `a run that the journal still knows is dirty unless the history says it ended`() {
    let files = [dbmateFile("1_a.sql"), dbmateFile("2_b.sql")]
    func run(_ version: String, _ direction: Direction) -> UnfinishedRun {
      UnfinishedRun(
        version: Version(version), direction: direction, statementsDone: 1, statementsTotal: 3)
    }
    let up = joined(DbmateLayout(), files, rows("1"), unfinished: [run("2", .up)])
    #expect(lines(up) == ["1 applied", "2 failed dirty"])
    #expect(up.migrations[1].unfinished?.statementsDone == 1)
    let down = joined(DbmateLayout(), files, rows("1", "2"), unfinished: [run("2", .down)])
    #expect(lines(down) == ["1 applied", "2 failed dirty"])
    let ended = joined(
      DbmateLayout(), files, rows("1"), unfinished: [run("1", .up), run("2", .down)])
    #expect(lines(ended) == ["1 applied", "2 pending"])
    let gone = joined(DbmateLayout(), files, rows("1"), unfinished: [run("15", .up)])
    #expect(lines(gone) == ["15 failed dirty missing_file", "1 applied", "2 pending"])
  }

  @Test func `what has no way back and no note says so, a marked one does not`() {
    let status = joined(
      SqlxLayout(),
      [file("1_a.sql"), file("2_b.sql", "-- WARNING: Non-reversible migration\nA;")])
    #expect(lines(status) == ["1 pending irreversible_without_note", "2 pending"])
    #expect(status.problemCount == 0)
  }

  @Test func `faults of a file are problems of the migration`() {
    let status = joined(DbmateLayout(), [file("1_a.sql", "SELECT 1;")])
    #expect(lines(status) == ["1 pending unsupported"])
  }

  @Test func `a down file alone is no migration of sqlx, unless it was applied`() {
    let files = [file("1_a.down.sql", "B;")]
    let pending = joined(SqlxLayout(), files)
    #expect(pending.migrations.isEmpty)
    #expect(
      pending.unsupported.map(\.reason) == [
        "a way back without a migration: no up file has its version"
      ])
    #expect(lines(joined(SqlxLayout(), files, rows("1"))) == ["1 applied"])
  }

  @Test func `notes and faults of the folder are passed on`() {
    let status = joined(SqlxLayout(), [file("V1_a.sql"), file("notes.txt")])
    #expect(status.faults.map(\.code) == ["bad_version"])
    #expect(status.unsupported.map(\.file.name) == ["notes.txt"])
    #expect(joined(RawLayout(), [file("1_a.sql"), file("3_b.sql")]).notes.map(\.code) == ["gap"])
  }

  // MARK: The current version alone

  private let pairs = ["1_a", "2_b", "03_c"].flatMap {
    [file("\($0).up.sql"), file("\($0).down.sql")]
  }

  @Test func `with one row all up to it count as applied, and it is said`() {
    let status = joined(GolangMigrateLayout(), pairs, rows("3"))
    #expect(lines(status) == ["1 applied", "2 applied", "03 applied"])
    #expect(status.migrations.map { $0.row != nil } == [false, false, true])
    #expect(
      status.notes.map(\.description) == [
        "note: golang-migrate records the current version alone, 3: the 2 older files are taken as "
          + "applied"
      ])
    #expect(
      lines(joined(GolangMigrateLayout(), pairs)) == ["1 pending", "2 pending", "03 pending"])
    let two = joined(GolangMigrateLayout(), pairs, rows("2"))
    #expect(lines(two) == ["1 applied", "2 applied", "03 pending"])
    #expect(two.notes[0].what.hasSuffix("the older file is taken as applied"))
  }

  @Test func `a file that came after the position was recorded is pending and out of order`() {
    let status = joined(GolangMigrateLayout(), pairs, rows("3"), known: [1, 3])
    #expect(lines(status) == ["1 applied", "2 pending out_of_order", "03 applied"])
    #expect(status.notes.isEmpty)
  }

  @Test func `a dirty position is the failed one`() {
    let dirty = [HistoryRow(version: Version("2"), outcome: .broken)]
    #expect(
      lines(joined(GolangMigrateLayout(), pairs, dirty)) == [
        "1 applied", "2 failed dirty", "03 pending",
      ])
    let none = [HistoryRow(version: Version("-1"), outcome: .broken)]
    #expect(
      lines(joined(GolangMigrateLayout(), pairs, none)) == [
        "-1 failed dirty", "1 pending", "2 pending", "03 pending",
      ])
  }

  @Test func `a position without its file is missing`() {
    #expect(
      lines(joined(GolangMigrateLayout(), pairs, rows("4"))) == [
        "1 applied", "2 applied", "03 applied", "4 applied missing_file",
      ])
  }

  @Test func `ten thousand of each are joined one to one`() {
    let numbers = (0..<10_000).map { String(20_260_101_000_000 + $0) }
    let files = numbers.map { file("\($0)_a.up.sql", "") }
    let history = numbers.filter { !$0.hasSuffix("7") }.map { HistoryRow(version: Version($0)) }
    let status = joined(SqlxLayout(), files, history)
    #expect(status.migrations.count == 10_000)
    #expect(status.pendingCount == 1000)
  }
}

@Suite struct ProblemDiagnosticTests {
  private func said(_ status: ProjectStatus, at index: Int = 0) -> [String] {
    let migration = status.migrations[index]
    return migration.problems.map { migration.diagnostic(of: $0).description }
  }

  @Test func `a changed file is told with both checksums`() {
    let changed = joined(
      RawLayout(), [file("001_a.sql", "A;\n-- ROLLBACK\n-- DROP TABLE a;\n")],
      [HistoryRow(version: Version("001"), checksum: Checksum(.sha256, of: []))])
    let found = changed.migrations[0].migration?.checksum?.hexadecimal ?? ""
    #expect(
      said(changed) == [
        """
        error: 001_a has changed since it was applied
          applied: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
          found: \(found)
          at:   migrations/001_a.sql
          next: put the file back as it was applied; or, if the database has what the file now says, \
        record it with `lockstep mark 001 applied`
        """
      ])
  }

  @Test func `each problem says what it is, where, and the way out`() {
    #expect(
      said(joined(DbmateLayout(), [], rows("5"))) == [
        """
        error: 5 was applied, but its file is gone
          next: put the file back; or, if it is gone for good, forget it with `lockstep mark 5 pending`
        """
      ])
    #expect(
      said(joined(DbmateLayout(), [dbmateFile("1_a.sql"), dbmateFile("2_b.sql")], rows("2"))) == [
        """
        warning: 1_a is pending, but older than 2, which is applied
          at:   migrations/1_a.sql
          next: put it behind the newest applied one with `lockstep rename 1`; or apply it late: \
        `lockstep up`, with `--allow-out-of-order` where its tool would pass it over
        """
      ])
    #expect(
      said(joined(SqlxLayout(), [file("1_a.sql", "-- WARNING: irreversible"), file("1_b.sql")]))
        == [
          """
          error: 1_a shares its version with another file
            also: migrations/1_b.sql
            at:   migrations/1_a.sql
            next: give one of them a version of its own: `lockstep rename 1_a.sql`
          """
        ])
    #expect(
      said(joined(SqlxLayout(), [file("1_add_x.sql")])) == [
        """
        note: 1_add_x has no way back, and nothing in the file says that this is meant
          at:   migrations/1_add_x.sql
          next: write a way back; or say in the file that there is none: `-- WARNING: Non-reversible \
        migration`
        """
      ])
  }

  @Test func `a half-way run says how far it came and what can be done`() {
    let run = UnfinishedRun(
      version: Version("1"), direction: .up, statementsDone: 1, statementsTotal: 3)
    #expect(
      said(joined(DbmateLayout(), [dbmateFile("1_a.sql")], unfinished: [run])) == [
        """
        error: 1_a broke off half-way
          at:   migrations/1_a.sql
          next: 1 of 3 statements of going up were seen to end; see what stands, then `lockstep mark 1 \
        applied` (all of it is there) or `lockstep mark 1 pending` (none of it is)
        """
      ])
  }

  @Test func `a fault of the file is told as it is`() {
    let status = joined(DbmateLayout(), [file("1_a.sql", "SELECT 1;")])
    let fault = status.migrations[0].migration?.faults[0]
    #expect(said(status) == [fault?.description])
  }
}
