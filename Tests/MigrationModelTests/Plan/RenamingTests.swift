import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct RenamingTests {
  private let noon = Instant(microseconds: 1_767_960_000_000_000)  // 2026-01-09 12:00:00 UTC

  private func proposal(
    _ text: String, _ layout: any Layout, _ files: [SourceFile], applied: [String]
  ) throws -> Renaming {
    let history = History(
      rows: applied.map { HistoryRow(version: Version($0)) }, tableExists: true)
    let status = ProjectStatus.joining(
      catalog: layout.catalog(of: files), history: history, layout: layout,
      table: QualifiedName(parsing: layout.defaultTable))
    return try Renaming.proposal(for: text, status: status, layout: layout, now: noon)
  }

  @Test func `a late timestamp is put behind the newest, both files of the pair`() throws {
    let files = ["20260101000000_a", "20260103000000_c", "20260102000000_b"].flatMap {
      [file("\($0).up.sql"), file("\($0).down.sql", "SELECT 2;")]
    }
    let found = try proposal(
      "20260102000000", SqlxLayout(), files, applied: ["20260101000000", "20260103000000"])
    #expect(found.newVersion.text == "20260109120000")
    #expect(
      found.moves == [
        .init(
          from: "migrations/20260102000000_b.up.sql", to: "migrations/20260109120000_b.up.sql"),
        .init(
          from: "migrations/20260102000000_b.down.sql", to: "migrations/20260109120000_b.down.sql"),
      ])
  }

  @Test func `it comes behind a version of tomorrow, too`() throws {
    let files = [dbmateFile("20260102000000_b.sql"), dbmateFile("20270101000000_z.sql")]
    let found = try proposal("20260102000000", DbmateLayout(), files, applied: ["20270101000000"])
    #expect(found.newVersion.text == "20270101000001")
  }

  @Test func `numbered files get the next number in their width`() throws {
    let files = [file("001_a.sql"), file("003_c.sql"), file("002_b.sql")]
    let found = try proposal("002", RawLayout(), files, applied: ["001", "003"])
    #expect(found.moves.map(\.to) == ["migrations/004_b.sql"])
  }

  @Test func `of two files with one version the name tells which`() throws {
    let files = [file("001_a.sql"), file("002_b.sql"), file("002_c.sql")]
    let refusal = #expect(throws: Refusal.self) {
      try proposal("002", RawLayout(), files, applied: ["001"])
    }
    #expect(refusal?.diagnostic.code == "duplicate_version")
    #expect(refusal?.diagnostic.next?.contains("lockstep rename 002_") == true)
    let found = try proposal("002_c.sql", RawLayout(), files, applied: ["001"])
    #expect(found.moves == [.init(from: "migrations/002_c.sql", to: "migrations/003_c.sql")])
  }

  @Test func `what is applied keeps its name`() {
    let refusal = #expect(throws: Refusal.self) {
      try proposal("001", RawLayout(), [file("001_a.sql")], applied: ["001"])
    }
    #expect(refusal?.diagnostic.code == "already_applied")
  }

  @Test func `a header that names the old version is pointed out`() throws {
    let text = "-- Migration: 002_b\n-- Purpose: x\nSELECT 1;\n"
    let found = try proposal(
      "002", RawLayout(), [file("002_b.sql", text), file("003_c.sql")], applied: ["003"])
    #expect(found.notes.map(\.code) == ["header_names_version"])
  }
}
