import MigrationModel
import PostgresModel
import Testing

/// Folders as the tools and their users leave them; dbmate's were applied by dbmate 2.37.0.
@Suite struct FixtureTests {
  private func catalog(_ name: String) throws -> Catalog {
    let files = try Fixtures.files(name)
    let layout = try #require(Layouts.named(name))
    let catalog = layout.catalog(of: files)
    #expect(catalog.unsupported.isEmpty)
    #expect(catalog.faults.isEmpty)
    #expect(catalog.migrations.allSatisfy { $0.faults.isEmpty })
    return catalog
  }

  @Test(arguments: ["dbmate", "sqlx", "raw"])
  func `a folder says to which tool it belongs`(name: String) throws {
    #expect(Layouts.marked(by: try Fixtures.files(name))?.name == name)
  }

  @Test func `a folder of dbmate is read as dbmate reads it`() throws {
    let migrations = try catalog("dbmate").migrations
    #expect(
      migrations.map(\.name) == [
        "create_users", "index_users_email", "add_name_to_users", "two_sections", "new",
      ])
    #expect(migrations.map(\.up.count) == [1, 1, 1, 2, 1])
    #expect(migrations.map { $0.up[0].noTransaction != nil } == [false, true, false, false, false])
    #expect(migrations.map(\.isReversible) == [true, true, true, true, false])
  }

  @Test func `a folder of sqlx is read as sqlx reads it`() throws {
    let migrations = try catalog("sqlx").migrations
    #expect(
      migrations.map(\.name) == [
        "create extensions", "create sessions", "index sessions", "migrate user data",
      ])
    #expect(migrations.map(\.isReversible) == [false, true, true, false])
    #expect(
      migrations[3].down
        == .none(
          reason: "marked \"WARNING: Non-reversible migration - data transformation\"",
          isMarked: true))
  }

  @Test func `a folder of golang-migrate is read as golang-migrate reads it`() throws {
    let migrations = try catalog("golang-migrate").migrations
    #expect(migrations.map(\.version.text) == ["000001", "000002"])
    #expect(migrations.map(\.isReversible) == [true, true])
  }

  @Test func `a folder of raw SQL is read by its convention`() throws {
    let migrations = try catalog("raw").migrations
    #expect(migrations.map(\.name) == ["create_jobs", "create_core_schema"])
    #expect(migrations[0].downScripts.map(\.text) == ["  DROP TABLE IF EXISTS jobs CASCADE;"])
    #expect(migrations[0].header.map(\.key) == ["Migration", "Purpose", "Phase", "Checklist"])
    #expect(migrations[1].reasonAgainstDown == "there is no ROLLBACK section")
  }
}
