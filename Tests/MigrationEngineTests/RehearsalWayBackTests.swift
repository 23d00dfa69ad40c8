import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// What the statements of a way back are seen to do.
@Suite(.fewAtOnce) struct RehearsalWayBackTests {
  private let base = """
    create table parent (id int primary key, name text);
    create table child (id int primary key, note text);
    create view names as select name from parent;
    insert into child select n, 'x' from generate_series(1, 50) n
    """

  @Test func `the locks of the way back are told like those of the way there`() async throws {
    let found = try await RehearsalScene(
      up: "alter table child add column age int; create index i on child (note);",
      down: "drop index i; alter table child drop column age;", base: base
    ).first()
    let back = found.rollBack.statements
    #expect(found.verdict == .passed)
    #expect(back.map { $0.evidence?.source } == [.stepped, .stepped])
    #expect(
      back.map(\.lockLines) == [
        ["ACCESS EXCLUSIVE public.child"], [],
      ], "\(back)")
    #expect(
      back[1].evidence?.dropped?.map { "\($0.kind) \($0.identity)" } == [
        "table column public.child.age"
      ])
    #expect(back.flatMap(\.forecastDiffers) == [])
    #expect(back.allSatisfy { $0.evidence?.buffers != nil && $0.durationMilliseconds != nil })
  }

  @Test func `a way back that locks more than its text says disagrees with the forecast`()
    async throws
  {
    let found = try await RehearsalScene(
      up: "alter table child add column age int;",
      down: "alter table child drop column age; insert into names values ('x');",
      base: base + ";create rule r as on insert to names do instead insert into parent values (1)"
    ).first()
    let back = found.rollBack.statements
    #expect(back.count == 2)
    #expect(
      back.last?.forecastDiffers.contains {
        $0.hasPrefix("seen, not foreseen: ROW EXCLUSIVE on public.parent")
      } == true, "\(back)")
    #expect(found.statements.flatMap(\.forecastDiffers) == [])
  }

  @Test func `a way back outside a transaction is looked at as well`() async throws {
    let found = try await RehearsalScene(
      up: "create index concurrently i on child (note);", down: "drop index concurrently i;",
      base: base, transaction: false
    ).first { $0.breaksOff = false }
    let back = found.rollBack.statements
    #expect(back.map { $0.evidence?.source } == [.sampled])
    #expect(found.verdict == .passed)
  }

  @Test func `of a way back that was not tried nothing is told`() async throws {
    let found = try await RehearsalScene(up: "select * from nowhere;", base: base).first()
    #expect(found.rollBack.statements.isEmpty)
    #expect(found.rollBack.verdict == .notTried)
  }
}
