import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@Suite(.fewAtOnce) struct RehearsalEvidenceTests {
  private let base = """
    create table parent (id int primary key, name text);
    create table child (id int primary key, parent_id int, note text);
    create view names as select name from parent
    """

  @Test func `each statement of a transaction is told with what it alone has locked`() async throws
  {
    let found = try await RehearsalScene(
      up: """
        alter table parent add column age int;
        create index on child (note);
        alter table child add foreign key (parent_id) references parent (id);
        comment on table parent is 'x';
        """, down: "drop index child_note_idx;", base: base
    ).first()
    #expect(found.statements.map { $0.evidence?.source } == Array(repeating: .stepped, count: 4))
    #expect(
      found.statements.map(\.lockLines) == [
        ["ACCESS EXCLUSIVE public.parent"], ["SHARE public.child"],
        ["SHARE ROW EXCLUSIVE public.child", "SHARE ROW EXCLUSIVE public.parent"],
        ["SHARE UPDATE EXCLUSIVE public.parent"],
      ])
    #expect(found.statements.map { $0.evidence?.rewrites } == [[], [], [], []])
    #expect(found.statements[1].evidence?.scans?.map(\.description) == ["public.child"])
    #expect(found.statements[0].evidence?.scans == [])
    #expect(found.statements.allSatisfy { $0.durationMilliseconds != nil })
    #expect(found.statements.flatMap(\.forecastDiffers) == [])
  }

  @Test func `what is written anew is told, and what the migration made itself is not`()
    async throws
  {
    let found = try await RehearsalScene(
      up: """
        alter table parent alter id type bigint;
        create table own (id int);
        alter table own alter id type bigint;
        truncate child;
        """, base: base
    ).first()
    #expect(
      found.statements.map { $0.evidence?.rewrites?.map(\.description) } == [
        ["public.parent"], [], [], [],
      ])
    #expect(found.statements[2].lockLines == [])
    #expect(found.statements[3].lockLines == ["ACCESS EXCLUSIVE public.child"])
  }

  @Test func `what goes by a cascade is told apart from what was asked for`() async throws {
    let found = try await RehearsalScene(
      up: "alter table parent drop column name cascade;", base: base
    ).first()
    let dropped = found.statements[0].evidence?.dropped?.map {
      "\($0.kind) \($0.identity) \($0.isCascaded)"
    }
    #expect(
      dropped.map(Set.init) == [
        "table column public.parent.name false", "view public.names true",
      ])
  }

  @Test func `notices, rows and what changed stand with their statement`() async throws {
    let found = try await RehearsalScene(
      up: """
        insert into parent select n, 'x' from generate_series(1, 7) n;
        do $$ begin raise notice 'seven'; end $$;
        alter table parent add column age int;
        """, base: base
    ).first()
    #expect(found.statements[0].rows == 7)
    #expect(found.statements.map { $0.evidence?.notices } == [[], ["NOTICE: seven"], []])
    #expect(
      found.statements[2].evidence?.changes?.map(\.words) == [
        "added column public.parent.age: integer"
      ])
    #expect((found.statements[0].evidence?.walBytes ?? 0) > 0)
  }

  /// Some hundreds of blocks, and a sort that does not fit.
  private static let wide =
    ";insert into child select n, n, repeat('x', 500) || n"
    + " from generate_series(1, 4000) n"
  private static let sort = "set work_mem = '64kB';"

  @Test func `the blocks of each statement are those that it alone asked for`() async throws {
    let found = try await RehearsalScene(
      up: "select count(*) from child; select 1; create table own as select * from child;"
        + " select count(*) from own;", down: "drop table own;", base: base + Self.wide
    ).first()
    let used = found.statements.map { $0.evidence?.buffers.map { $0.hit + $0.read } ?? -1 }
    #expect(used[0] >= 250 && used[0] < 600, "\(used)")
    #expect(used[1] == 0, "\(used)")
    #expect(used[2] >= 250, "\(used)")
    #expect(used[3] >= 250 && used[3] < 600, "\(used)")
    #expect(found.statements.map { $0.evidence?.temporaryBytes } == [0, 0, 0, 0])
  }

  @Test func `blocks are told of what is replayed and of what is sampled`() async throws {
    let found = try await RehearsalScene(
      up: "update child set parent_id = 1; update child set parent_id = 2;"
        + " create index concurrently i on child (note); drop index concurrently i;",
      base: base + Self.wide, transaction: false
    ).first()
    let used = found.statements.map { $0.evidence?.buffers.map { $0.hit + $0.read } ?? -1 }
    #expect(
      found.statements.map { $0.evidence?.source } == [.replayed, .replayed, .sampled, .sampled])
    #expect(used[0] > 4000, "\(used)")
    // What the first has asked for before is not told again.
    #expect(used[1] > 4000 && used[1] < used[0] * 2, "\(used)")
    if found.statements[2].evidence?.scans != nil { #expect(used[2] >= 250, "\(used)") }
  }

  @Test func `temporary files are told of the statement that wrote them, and are no notices`()
    async throws
  {
    let found = try await RehearsalScene(
      up: Self.sort + " select count(*) from (select note from child order by note limit 3900) s;"
        + " select 1; do $$ begin raise notice 'done'; end $$;",
      base: base + Self.wide
    ).first()
    let bytes = found.statements.map { $0.evidence?.temporaryBytes ?? -1 }
    // Before the first statement that is no setting nothing is asked.
    #expect(bytes[0] == -1 && bytes[1] > 1_000_000 && bytes[2] == 0 && bytes[3] == 0, "\(bytes)")
    #expect(found.statements.flatMap { $0.evidence?.notices ?? [] } == ["NOTICE: done"])
  }

  @Test func `temporary files are told of what is replayed, once`() async throws {
    let found = try await RehearsalScene(
      up: "begin; \(Self.sort)"
        + " select count(*) from (select note from child order by note limit 3900) s; commit;",
      base: base + Self.wide
    ).first()
    let bytes = found.statements.map { $0.evidence?.temporaryBytes ?? -1 }
    #expect(bytes[2] > 1_000_000 && bytes[2] < 4_000_000 && bytes[1] == -1, "\(bytes)")
  }

  @Test func `what the server does not tell is not known, and no nought`() async throws {
    let found = try await RehearsalScene(
      up: "set client_min_messages = warning; select 1; set track_counts = off;"
        + " select count(*) from child;", base: base
    ).first()
    #expect(found.statements[0].evidence?.temporaryBytes == nil)
    #expect(found.statements[1].evidence?.temporaryBytes == nil)
    #expect(found.statements[1].evidence?.buffers == BufferUse(hit: 0, read: 0))
    #expect(found.statements[3].evidence?.buffers == nil)
    #expect(found.statements[3].evidence?.scans == nil)
  }

  @Test func `a script with a transaction of its own is looked at as well`() async throws {
    let scene = try await RehearsalScene(
      up: """
        begin isolation level serializable;
        alter table parent add column age int;
        alter table child alter id type bigint;
        commit;
        """, down: "alter table parent drop column age;", base: base)
    let found = try await scene.first()
    #expect(found.error == nil)
    #expect(found.statements.map(\.sql.count) == [34, 37, 38, 6])
    #expect(found.statements[1].evidence?.source == .replayed)
    #expect(found.statements[1].lockLines == ["ACCESS EXCLUSIVE public.parent"])
    #expect(found.statements[2].evidence?.rewrites?.map(\.description) == ["public.child"])
  }

  @Test func `what runs outside a transaction is sampled while it runs`() async throws {
    let found = try await RehearsalScene(
      up: "create index concurrently i on child (note);",
      down: "drop index concurrently i;",
      base: base + ";insert into child select n, n, 'x' from generate_series(1, 500) n",
      transaction: false
    ).first()
    #expect(found.verdict == .passed)
    #expect(found.statements[0].evidence?.source == .sampled)
    #expect(found.statements[0].lockLines.contains("SHARE UPDATE EXCLUSIVE public.child"))
    #expect(!found.statements[0].lockLines.contains("ACCESS EXCLUSIVE public.child"))
    #expect(found.statements[0].evidence?.rewrites == [])
  }

  @Test func `the locks of VACUUM are seen as it asks for them`() async throws {
    let found = try await RehearsalScene(
      up: "vacuum full child;", base: base, transaction: false
    ).first()
    #expect(found.statements[0].lockLines.contains("ACCESS EXCLUSIVE public.child"))
    #expect(found.statements[0].evidence?.rewrites?.map(\.description) == ["public.child"])
    #expect(found.statements[0].evidence?.scans == nil)
  }

  @Test func `statements outside a transaction that could be in one are looked at in one`()
    async throws
  {
    let scene = try await RehearsalScene(
      up: "alter table child alter id type bigint; alter table parent add column b int;",
      base: base, transaction: false)
    let found = try await scene.first()
    #expect(found.statements.map { $0.evidence?.source } == [.replayed, .replayed])
    #expect(found.statements[0].evidence?.rewrites?.map(\.description) == ["public.child"])
    #expect(found.statements[1].lockLines == ["ACCESS EXCLUSIVE public.parent"])
    #expect(found.statements[1].evidence?.rewrites == [])
  }

  @Test func `a setting of the isolation level still comes before anything is asked`() async throws
  {
    let found = try await RehearsalScene(
      up: "set transaction isolation level serializable; alter table parent add column b int;",
      down: "alter table parent drop column b;", base: base
    ).first()
    #expect(found.error == nil)
    #expect(found.statements[1].lockLines == ["ACCESS EXCLUSIVE public.parent"])
  }

  @Test func `of a statement that fails nothing is told, of those before it everything`()
    async throws
  {
    let found = try await RehearsalScene(
      up: "alter table parent add column b int; alter table nowhere add column b int;", base: base
    ).first()
    #expect(found.applies == false)
    #expect(found.statements[0].lockLines == ["ACCESS EXCLUSIVE public.parent"])
    #expect(found.statements[1].evidence == nil)
  }

  @Test func `what the text does not tell is a disagreement with the forecast`() async throws {
    // A function of the user's own hides what it does from the text; what a rule does goes unsaid.
    let found = try await RehearsalScene(
      up: "insert into names values ('x');",
      base: base + ";create rule r as on insert to names do instead insert into child values (1)"
    ).first()
    #expect(found.statements[0].lockLines.contains("ROW EXCLUSIVE public.child"))
    #expect(
      found.statements[0].forecastDiffers.contains {
        $0.hasPrefix("seen, not foreseen: ROW EXCLUSIVE on public.child")
      })
  }

  @Test func `without a superuser what is dropped by cascade is not known, and that is said`()
    async throws
  {
    var scene = try await RehearsalScene(
      up: "alter table owned drop column name;", down: "alter table owned add column name text;",
      base: "do $$ begin if to_regrole('evidence_owner') is null then"
        + " create role evidence_owner login createdb; end if; end $$")
    let name = scene.database.name
    try await scene.database.execute("alter database \(name) owner to evidence_owner")
    try await scene.database.execute(
      "set role evidence_owner; create table owned (id int primary key, name text);"
        + " insert into owned values (1, 'x')")
    scene.user = "evidence_owner"
    let report = try await scene.rehearse { $0.mode = .sampled }
    #expect(report.scratch.mode == .sampled)
    #expect(
      report.scratch.notes == [
        "what is dropped by cascade and temporary files are not told: that takes a superuser"
      ])
    let statement = report.migrations[0].statements[0]
    #expect(statement.evidence?.buffers != nil)
    #expect(statement.evidence?.temporaryBytes == nil)
    #expect(statement.lockLines == ["ACCESS EXCLUSIVE public.owned"])
    #expect(statement.evidence?.dropped == nil)
    #expect(
      statement.evidence?.changes?.map(\.words) == ["dropped column public.owned.name: text"])
    #expect(report.migrations[0].rollBack.verdict == .lossy)
  }
}
