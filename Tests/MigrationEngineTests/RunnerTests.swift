import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// What every layout does alike: applying, rolling back, refusing.
@Suite(.fewAtOnce) struct RunnerTests {
  static let layouts = Layouts.all.map(\.name)
  static let three: [SampleMigration] = [
    .table("001", "a"), .table("002", "b"), .table("003", "c"),
  ]
  static let withChecksums = ["sqlx", "raw"]

  // MARK: Up

  @Test(arguments: layouts)
  func `all that is pending is applied in order`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    #expect(try await fixture.statusLines() == ["001 pending", "002 pending", "003 pending"])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +3 -0")
    let name = layout == "sqlx" ? "create " : "create_"
    #expect(
      ran.lines == [
        "started 001 \(name)a up", "finished 001 \(name)a up", "started 002 \(name)b up",
        "finished 002 \(name)b up", "started 003 \(name)c up", "finished 003 \(name)c up",
        "end +3 -0 !0",
      ])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 applied"])
    #expect(try await fixture.tables() == ["public.a", "public.b", "public.c"])
    let again = try await fixture.run(.upAll)
    #expect(again.summary == "finished +0 -0")
    #expect(again.lines == ["end +0 -0 !0"])
  }

  @Test(arguments: layouts)
  func `an empty folder has nothing to do and makes no table`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout)
    #expect(try await fixture.run(.upAll).summary == "finished +0 -0")
    #expect(
      try await fixture.database.rows("SELECT to_regclass('\(fixture.tableSQL)') IS NULL") == ["t"])
  }

  @Test(arguments: layouts)
  func `the next ones are applied by number`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    let next = PlanRequest.up(to: nil, count: 1, allowOutOfOrder: false)
    #expect(try await fixture.run(next).summary == "finished +1 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending", "003 pending"])
    #expect(
      try await fixture.run(.up(to: nil, count: 2, allowOutOfOrder: false)).summary
        == "finished +2 -0")
    #expect(try await fixture.tables() == ["public.a", "public.b", "public.c"])
  }

  @Test(arguments: layouts)
  func `up to a version applies it and those before it`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    #expect(try await fixture.run(.up(to: "002")).summary == "finished +2 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 pending"])
    #expect(try await fixture.run(.up(to: "001")).summary == "finished +0 -0")
    #expect(try await fixture.run(.up(to: "009")).summary.hasPrefix("refused"))
  }

  @Test(arguments: layouts)
  func `exactly one is applied where it is its turn`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    #expect(try await fixture.run(.only(Version("001"), .up)).summary == "finished +1 -0")
    let late = try await fixture.run(.only(Version("003"), .up))
    if fixture.layout.rules.history == .currentVersionOnly {
      #expect(late.summary == "refused out_of_order")
    } else {
      #expect(late.summary == "finished +1 -0")
      #expect(try await fixture.tables() == ["public.a", "public.c"])
    }
  }

  // MARK: Down

  @Test(arguments: layouts)
  func `the last ones are rolled back, newest first`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    _ = try await fixture.run(.upAll)
    let ran = try await fixture.run(.down(to: nil, count: nil))
    #expect(ran.summary == "finished +0 -1")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 pending"])
    #expect(try await fixture.tables() == ["public.a", "public.b"])
    let both = try await fixture.run(.down(count: 2))
    #expect(both.summary == "finished +0 -2")
    let name = layout == "sqlx" ? "create " : "create_"
    #expect(
      both.lines == [
        "started 002 \(name)b down", "finished 002 \(name)b down", "started 001 \(name)a down",
        "finished 001 \(name)a down", "end +0 -2 !0",
      ])
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.run(.down(count: 1)).summary == "finished +0 -0")
  }

  @Test(arguments: layouts)
  func `down to a version leaves it applied, down to 0 leaves nothing`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.run(.down(to: "001")).summary == "finished +0 -2")
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending", "003 pending"])
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.run(.down(to: "0")).summary == "finished +0 -3")
    #expect(try await fixture.statusLines() == ["001 pending", "002 pending", "003 pending"])
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.run(.upAll).summary == "finished +3 -0")
  }

  @Test(arguments: layouts)
  func `redo rolls back and applies again`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    _ = try await fixture.run(.upAll)
    try await fixture.database.execute("INSERT INTO b VALUES (1); INSERT INTO c VALUES (1)")
    #expect(try await fixture.run(.redo(count: 1)).summary == "finished +1 -1")
    #expect(
      try await fixture.database.rows("SELECT (SELECT count(*) FROM b), (SELECT count(*) FROM c)")
        == ["1|0"])
    #expect(try await fixture.run(.redo(count: 2)).summary == "finished +2 -2")
    #expect(try await fixture.database.rows("SELECT count(*) FROM b") == ["0"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 applied"])
  }

  @Test(arguments: layouts)
  func `without a way back a roll back is refused, or passes on as the tool does`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout, [.table("001", "a"), SampleMigration("002", "b", up: "CREATE TABLE b ();")])
    _ = try await fixture.run(.upAll)
    let ran = try await fixture.run(.down(count: 1))
    if fixture.layout.rules.rollbackOrder == .newestReversible {
      #expect(ran.summary == "finished +0 -1")
      #expect(try await fixture.tables() == ["public.b"])
    } else {
      #expect(ran.summary == "refused irreversible")
      #expect(try await fixture.tables() == ["public.a", "public.b"])
    }
  }

  // MARK: Refused

  @Test(arguments: withChecksums)
  func `a file that changed since it was applied is refused`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    _ = try await fixture.run(.upAll)
    var edited = SampleMigration.table("001", "a")
    edited.up += " "
    fixture.write(edited)
    fixture.write(.table("002", "b"))
    #expect(try await fixture.statusLines() == ["001 applied changed", "002 pending"])
    #expect(try await fixture.run(.upAll).summary == "refused drift")
    #expect(try await fixture.tables() == ["public.a"])
    fixture.write(.table("001", "a"))
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
  }

  @Test(arguments: withChecksums)
  func `a changed file that is marked as applied is recorded as it is now`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    _ = try await fixture.run(.upAll)
    var edited = SampleMigration.table("001", "a")
    edited.up += " "
    fixture.write(edited)
    _ = try await fixture.run(.mark(.versions([Version("001")]), as: .applied))
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test(arguments: ["dbmate", "golang-migrate"])
  func `tools without checksums do not notice a change`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    _ = try await fixture.run(.upAll)
    var edited = SampleMigration.table("001", "a")
    edited.up += " "
    fixture.write(edited)
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test(arguments: layouts)
  func `an applied migration without its file is shown, and refused where the tool refuses`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    _ = try await fixture.run(.upAll)
    fixture.remove(.table("002", "b"))
    fixture.write(.table("003", "c"))
    let lines = try await fixture.statusLines()
    #expect(lines[0] == "001 applied")
    #expect(lines[1].hasSuffix("2 applied missing_file"))
    #expect(lines[2] == "003 pending")
    let ran = try await fixture.run(.upAll)
    if fixture.layout.rules.missingFile == .ignored {
      #expect(ran.summary == "finished +1 -0")
      #expect(ran.plan.warnings.contains { $0.code == "missing_file" })
    } else {
      #expect(ran.summary == "refused missing_file")
      #expect(try await fixture.tables() == ["public.a", "public.b"])
    }
  }

  @Test(arguments: layouts)
  func `an older file that comes late is applied or refused as the tool would`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("003", "c")])
    _ = try await fixture.run(.upAll)
    fixture.write(.table("002", "b"))
    #expect(
      try await fixture.statusLines() == [
        "001 applied", "002 pending out_of_order", "003 applied",
      ])
    let ran = try await fixture.run(.upAll)
    guard fixture.layout.rules.outOfOrder != .applied else {
      #expect(ran.summary == "finished +1 -0")
      #expect(ran.plan.warnings.map(\.code) == ["out_of_order"])
      return
    }
    #expect(ran.summary == "refused out_of_order")
    #expect(try await fixture.tables() == ["public.a", "public.c"])
    let allowed = try await fixture.run(.up(to: nil, count: nil, allowOutOfOrder: true))
    #expect(allowed.summary == "finished +1 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 applied"])
    if layout == "golang-migrate" { #expect(try await fixture.historyRows("*") == ["3|f"]) }
  }

  @Test(
    arguments: layouts,
    ["\\i other.sql", "\\copy a FROM 'x'", "\\set x 1", "COPY a FROM STDIN;\n1\n\\.\n"])
  func `what only psql can do is refused before anything is run`(
    _ layout: String, _ sql: String
  ) async throws {
    let bad = SampleMigration("002", "psql", up: "CREATE TABLE b ();\n" + sql)
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), bad])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "refused unsupported")
    #expect(
      ran.diagnostic?.at?.hasPrefix("\(fixture.path(bad)):\(layout == "dbmate" ? 3 : 2)") == true)
    #expect(try await fixture.tables() == [])
  }

  // MARK: Marking

  @Test(arguments: layouts)
  func `marking records without running`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    let ran = try await fixture.run(.mark(.upTo(Version("002")), as: .applied))
    #expect(ran.summary == "finished +2 -0")
    // Nothing ran, so nothing is told as run.
    #expect(ran.lines == ["end +2 -0 !0"])
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 pending"])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(try await fixture.tables() == ["public.c"])
    _ = try await fixture.run(.mark(.versions([Version("003")]), as: .pending))
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 pending"])
    #expect(try await fixture.tables() == ["public.c"])
  }

  // MARK: What is previewed is what runs

  @Test(arguments: layouts)
  func `a plan whose file changed since is not run`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    let plan = try await fixture.plan(.upAll)
    fixture.write(SampleMigration("001", "create_a", up: "CREATE TABLE other ();"))
    let ran = try await fixture.run(plan)
    guard case .stale(let now) = ran.outcome else {
      Issue.record("it was run: \(ran.summary)")
      return
    }
    #expect(now.steps.first?.units.first?.sql.contains("other") == true)
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.run(now).summary == "finished +1 -0")
  }

  @Test(arguments: layouts)
  func `a plan that somebody else has carried out is not run again`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    let plan = try await fixture.plan(.upAll)
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.run(plan).summary == "stale")
  }

  @Test(arguments: layouts)
  func `a plan to roll back is not run when something newer was applied since`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    _ = try await fixture.run(.up(to: "001"))
    let plan = try await fixture.plan(.down(count: 1))
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.run(plan).summary == "stale")
    #expect(try await fixture.tables() == ["public.a", "public.b"])
  }

  @Test(arguments: layouts)
  func `a plan with refusals is never run`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    let ran = try await fixture.run(
      .upAll, context: PlanContext(isReadOnly: true, dataLoss: .asked))
    #expect(ran.summary == "refused read_only")
    #expect(ran.lines == [])
  }

  // MARK: Step by step

  @Test(arguments: layouts)
  func `each step is asked for, and no ends the run before it`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, Self.three)
    let ran = try await fixture.run(.upAll, .init(confirm: { $0.version.text != "002" }))
    #expect(ran.summary == "declined +1 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending", "003 pending"])
    #expect(ran.lines.last == "end +1 -0 !0")
  }

  // MARK: Several folders

  @Test(arguments: ["dbmate", "sqlx", "golang-migrate", "raw"])
  func `several folders are one list`(_ layout: String) async throws {
    var fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("003", "c")])
    fixture.folder.makeFolder("more")
    fixture.directories = ["migrations", "more"]
    fixture.write(.table("002", "b"), in: "more")
    #expect(try await fixture.run(.upAll).summary == "finished +3 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 applied"])
  }

  // MARK: Texts

  @Test(arguments: layouts)
  func `text beyond ASCII and line breaks of Windows arrive unchanged`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        SampleMigration(
          "001", "text",
          up: "CREATE TABLE \"tëst\" AS SELECT 'Zürich 東京 😀'::text AS t;\r\n", down: nil)
      ])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(try await fixture.database.rows("SELECT t FROM \"tëst\"") == ["Zürich 東京 😀"])
  }

  @Test(arguments: layouts)
  func `bytes that are no UTF-8 are refused before anything is run`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    let file = SampleMigration("002", "latin", up: "SELECT 'X';").files(layout)[0]
    let bytes = file.content.utf8.map { $0 == UInt8(ascii: "X") ? 0xE9 : $0 }
    fixture.folder.write("migrations/\(file.name)", bytes)
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary.hasPrefix("refused"), "\(ran.summary)")
    #expect(try await fixture.tables() == [])
  }

  // MARK: Other servers

  @Test(
    .enabled(if: !TestServer.others.isEmpty, "LOCKSTEP_TEST_PGBIN names no other servers"),
    arguments: layouts, TestServer.others.map(\.binaries))
  func `other versions of PostgreSQL apply and roll back`(
    _ layout: String, _ binaries: String
  ) async throws {
    let server = try #require(TestServer.others.first { $0.binaries == binaries }?.server)
    let fixture = try await ProjectFixture(
      layout,
      Self.three + [
        SampleMigration(
          "004", "index", up: "CREATE INDEX CONCURRENTLY i ON a (id);",
          down: "DROP INDEX CONCURRENTLY i;", isOutsideTransaction: true)
      ], on: server)
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +4 -0", "\(String(describing: ran.diagnostic))")
    #expect(
      try await fixture.statusLines() == [
        "001 applied", "002 applied", "003 applied", "004 applied",
      ])
    #expect(try await fixture.tables() == ["public.a", "public.b", "public.c"])
    #expect(try await fixture.run(.redo(count: 2)).summary == "finished +2 -2")
    #expect(try await fixture.run(.down(to: "0")).summary == "finished +0 -4")
    #expect(try await fixture.tables() == [])
  }
}
