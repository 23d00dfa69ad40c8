import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// The locks of a way back: a table that is dropped has no name any more when the server is asked.
@Suite struct DroppedTablesTests {
  /// The locks that each roll back told, `version: MODE on table`.
  private func locks(
    rollingBack migrations: [SampleMigration], after preparation: String = ""
  ) async throws -> [String] {
    let fixture = try await ProjectFixture("sqlx", migrations)
    #expect(try await fixture.run(.upAll).summary == "finished +\(migrations.count) -0")
    if !preparation.isEmpty { try await fixture.database.execute(preparation) }
    let ran = try await fixture.run(.down(count: migrations.count))
    #expect(ran.summary == "finished +0 -\(migrations.count)")
    return ran.events.flatMap { event -> [String] in
      guard case .migrationFinished(let version, _, _, _, let locks) = event else { return [] }
      guard let locks else { return ["\(version): not known"] }
      #expect(locks.allSatisfy { $0.milliseconds != nil })
      return Set(locks.map { "\(version): \($0.mode.sqlName) on \($0.relation)" }).sorted()
    }
  }

  @Test func `the tables that it drops are among them`() async throws {
    let told = try await locks(rollingBack: [
      .table("1", "a"), .table("2", "b"),
      SampleMigration(
        "3", "two",
        up: "CREATE SCHEMA app; CREATE TABLE app.c (id int); CREATE TABLE \"D\" (id int)",
        down: "DROP TABLE IF EXISTS app.c, \"D\", nowhere; DROP SCHEMA app"),
    ])
    #expect(
      told == [
        "3: ACCESS EXCLUSIVE on app.c", "3: ACCESS EXCLUSIVE on public.D",
        "2: ACCESS EXCLUSIVE on public.b", "1: ACCESS EXCLUSIVE on public.a",
      ])
  }

  @Test func `so are the tables that they refer to`() async throws {
    let told = try await locks(rollingBack: [
      .table("1", "a"),
      SampleMigration(
        "2", "b", up: "CREATE TABLE b (id int REFERENCES a)", down: "DROP TABLE b"),
    ])
    #expect(
      told == [
        "2: ACCESS EXCLUSIVE on public.a", "2: ACCESS EXCLUSIVE on public.b",
        "1: ACCESS EXCLUSIVE on public.a",
      ])
  }

  @Test func `what a roll back before it has made them refer to is told as well`() async throws {
    let told = try await locks(rollingBack: [
      .table("1", "a"), .table("2", "b"), .table("3", "c"),
      SampleMigration(
        "4", "apart", up: "SELECT 1",
        down: "ALTER TABLE b ADD CONSTRAINT b_a FOREIGN KEY (id) REFERENCES a"),
    ])
    #expect(
      told.filter { !$0.hasPrefix("4") } == [
        "3: ACCESS EXCLUSIVE on public.c", "2: ACCESS EXCLUSIVE on public.a",
        "2: ACCESS EXCLUSIVE on public.b", "1: ACCESS EXCLUSIVE on public.a",
      ])
  }

  @Test func `what an event trigger locks is told as well`() async throws {
    let told = try await locks(
      rollingBack: [.table("1", "a"), .table("2", "b")],
      after: """
        CREATE TABLE seen (tag text);
        CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO seen VALUES (tg_tag); END $$;
        CREATE EVENT TRIGGER note ON sql_drop EXECUTE FUNCTION note();
        """)
    #expect(
      told == [
        "2: ACCESS EXCLUSIVE on public.b", "2: ROW EXCLUSIVE on public.seen",
        "1: ACCESS EXCLUSIVE on public.a", "1: ROW EXCLUSIVE on public.seen",
      ])
  }

  @Test func `of a partition that is dropped the whole is told`() async throws {
    let told = try await locks(rollingBack: [
      SampleMigration(
        "1", "parts", up: "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
        down: "DROP TABLE parts"),
      SampleMigration(
        "2", "one", up: "CREATE TABLE part PARTITION OF parts DEFAULT", down: "DROP TABLE part"),
    ])
    #expect(
      told == [
        "2: ACCESS EXCLUSIVE on public.part", "2: ACCESS EXCLUSIVE on public.parts",
        "1: ACCESS EXCLUSIVE on public.parts",
      ])
  }
}
