import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization
import TestSupport
import Testing

@testable import MigrationEngine

/// A checklist gone through on a real server.
@Suite(.fewAtOnce) struct CheckRunTests {
  private static let note = SampleMigration(
    "001", "note",
    up: "ALTER TABLE orders ADD COLUMN note text;\nCREATE INDEX notes ON orders (note);",
    down: "DROP INDEX notes;\nALTER TABLE orders DROP COLUMN note;")
  private static let drop = SampleMigration(
    "002", "drop", up: "ALTER TABLE orders DROP COLUMN channel;",
    down: "ALTER TABLE orders ADD COLUMN channel text;")

  private func fixture(_ migrations: [SampleMigration]) async throws -> ProjectFixture {
    let fixture = try await ProjectFixture("dbmate", migrations)
    try await fixture.database.execute(
      "CREATE TABLE orders (id int PRIMARY KEY, customer int, channel text)")
    return fixture
  }

  /// What a run of a checklist came to, and what it said on its way.
  private struct Ran: Sendable {
    var migrations: [CheckedMigration]
    var rehearsed: Bool

    /// Each item of the migrations: `rollback passed`.
    var lines: [String] {
      migrations.flatMap(\.items).map { "\($0.item.id) \($0.status.rawValue)" }
    }

    func item(_ id: String) throws -> CheckedItem {
      try #require(migrations.first?.items.first { $0.item.id == id })
    }
  }

  private func check(
    _ fixture: ProjectFixture, _ versions: [String] = [], items: Set<String>? = nil,
    checklist: Checklist = Checklists.staging, sources: CheckSources = CheckSources(),
    environment: String? = "staging"
  ) async throws -> Ran {
    let versions = versions.map { Version($0) }
    return try await with(fixture, checklist, sources, environment) { check in
      let heard = Mutex(false)
      let migrations = try await check.run(versions, items: items) { progress in
        if case .rehearsing(.copying) = progress { heard.withLock { $0 = true } }
      }
      return Ran(migrations: migrations, rehearsed: heard.withLock { $0 })
    }
  }

  private func with<Result: Sendable>(
    _ fixture: ProjectFixture, _ checklist: Checklist, _ sources: CheckSources,
    _ environment: String?, _ body: @escaping @Sendable (CheckRun) async throws -> Result
  ) async throws -> Result {
    let (project, target) = (fixture.project, try fixture.target)
    return try await onLoop { loop in
      try await body(
        CheckRun(
          project: project, target: target, checklist: checklist, sources: sources,
          records: FileRecords(root: project.root), by: "ada", environment: environment,
          options: Runner.Options(), loop: loop))
    }
  }

  private func keep(
    _ act: CheckRecord.Act, on item: String, in fixture: ProjectFixture, _ version: String = "001"
  ) async throws {
    _ = try await with(fixture, Checklists.staging, CheckSources(), "staging") { check in
      try await check.keep(
        act, on: item, of: [Version(version)], at: Instant(microseconds: 1_800_000_000_000_000))
    }
  }

  @Test func `what can be proven of a pending migration is, and the rest stays open`() async throws
  {
    let ran = try await check(try await fixture([Self.note]))
    #expect(
      ran.lines == [
        "applied open", "indexes passed", "constraints not_applicable", "triggers not_applicable",
        "performance open", "rollback passed", "contract passed", "documentation open",
      ])
    #expect(ran.rehearsed && ran.migrations[0].verdict == .incomplete)
    #expect(ran.migrations[0].items.allSatisfy { $0.by == "ada" && $0.at != nil })
  }

  @Test func `an item is told as soon as it is seen, and stands so in the end`() async throws {
    let told = Mutex<[String]>([])
    let found = try await with(
      try await fixture([Self.note]), Checklists.staging, CheckSources(), "staging"
    ) { check in
      try await check.run { progress in
        switch progress {
        case .seen(_, let item):
          told.withLock { $0.append("\(item.item.id) \(item.status.rawValue)") }
        case .rehearsing(.running(_, _, let words)): told.withLock { $0.append("* \(words)") }
        case .settled(_, let item): told.withLock { $0.append("settled \(item.item.id)") }
        case .rehearsing, .proving: break
        }
      }
    }
    let lines = told.withLock { $0 }
    let back = try #require(lines.firstIndex(of: "* down"))
    for line in ["indexes passed", "constraints not_applicable", "contract passed"] {
      #expect(try #require(lines.firstIndex(of: line)) < back, "\(lines)")
    }
    let rollback = try #require(lines.firstIndex(of: "rollback passed"))
    #expect(rollback > back && rollback < (lines.firstIndex { $0.hasPrefix("settled") } ?? 0))
    let final = found[0].items.map { "\($0.item.id) \($0.status.rawValue)" }
    let seen = lines.filter { !$0.hasPrefix("*") && !$0.hasPrefix("settled") }
    #expect(seen.allSatisfy(final.contains), "\(seen)")
  }

  @Test func `fresh evidence is not sought again, and that of a changed file is`() async throws {
    let fixture = try await fixture([Self.note])
    _ = try await check(fixture)
    let again = try await check(fixture)
    #expect(!again.rehearsed && again.lines.contains("rollback passed"))
    var changed = Self.note
    changed.down = "DROP INDEX notes;"
    fixture.write(changed)
    let stale = try await with(fixture, Checklists.staging, CheckSources(), "staging") {
      try await $0.standing()
    }
    #expect(stale[0].items.first { $0.item.id == "rollback" }?.status == .stale)
    let third = try await check(fixture)
    #expect(third.rehearsed)
    #expect(third.lines.contains("rollback failed"))
    #expect(
      try third.item("rollback").evidence.map(\.text).contains("  added column public.orders.note"))
  }

  @Test func `an item that is named is proven again, and alone`() async throws {
    let fixture = try await fixture([Self.note])
    let one = try await check(fixture, items: ["rollback"])
    #expect(one.lines.filter { !$0.hasSuffix(" open") } == ["rollback passed"])
    #expect(try await check(fixture, items: ["rollback"]).rehearsed)
  }

  @Test func `a lossy way back stays open, and a broken contract fails`() async throws {
    let ran = try await check(try await fixture([Self.drop]))
    #expect(ran.lines.contains("rollback open") && ran.lines.contains("contract failed"))
    #expect(ran.migrations[0].verdict == .failed)
    #expect(
      try ran.item("contract").evidence.map(\.text).contains(
        "dropped column public.orders.channel: breaks readers and writers"))
  }

  @Test func `why it was left open is still told once it is applied`() async throws {
    let fixture = try await fixture([Self.drop])
    let before = try await check(fixture)
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    let after = try await check(fixture, ["002"])
    #expect(!after.rehearsed)
    for item in ["contract", "rollback"] {
      #expect(try after.item(item).evidence == before.item(item).evidence)
    }
  }

  @Test func `what is applied without a rehearsal says how it comes to one`() async throws {
    let fixture = try await fixture([Self.note])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    let ran = try await check(fixture, ["001"])
    #expect(
      try ran.item("constraints").evidence.map(\.text) == [
        "it is applied, and no rehearsal of this content was kept",
        "`lockstep check` before `lockstep up` makes one; now a person signs, or it is rolled back, "
          + "checked and applied again",
      ])
  }

  @Test func `rows that rolling back loses fail it, and a copy with rows judges the queries`()
    async throws
  {
    let fixture = try await fixture([Self.drop])
    try await fixture.database.execute(
      "INSERT INTO orders SELECT i, i % 10, 'web' FROM generate_series(1, 100) i; ANALYZE orders")
    fixture.folder.write("key/q.sql", "SELECT count(*) FROM orders WHERE customer = 3;")
    let ran = try await check(
      fixture, sources: CheckSources(keyQueries: "\(fixture.folder.path)/key"))
    #expect(ran.lines.contains("rollback failed") && ran.lines.contains("performance passed"))
  }

  @Test func `one that fails on the copy fails, and those behind it are not proven`() async throws {
    let broken = SampleMigration("001", "broken", up: "SELECT * FROM nowhere;", down: "SELECT 1;")
    let ran = try await check(
      try await fixture([broken, Self.drop]), checklist: Checklists.testing)
    #expect(
      ran.lines == [
        "applies failed", "rollback open", "assertions open", "application open", "volume open",
        "duration open", "review open",
        "applies open", "rollback open", "assertions open", "application open", "volume open",
        "duration open", "review open",
      ])
  }

  @Test func `a waiver stands while the content does, whatever is checked`() async throws {
    let fixture = try await fixture([Self.drop])
    _ = try await check(fixture)
    try await keep(.waived(reason: "agreed"), on: "contract", in: fixture, "002")
    let waived = try await check(fixture)
    #expect(try waived.item("contract").status == .waived)
    #expect(try waived.item("contract").evidence.isEmpty == false)
    // Asked for by name it is proven again, and what is found replaces the word.
    #expect(
      try await check(fixture, items: ["contract"]).item("contract").status == .failed)
    var changed = Self.drop
    changed.up += "\nSELECT 1;"
    fixture.write(changed)
    #expect(try await check(fixture).item("contract").status == .failed)
  }

  @Test func `what is signed can be taken back, and nothing else`() async throws {
    let fixture = try await fixture([Self.note])
    try await keep(.signed(note: "wiki"), on: "documentation", in: fixture)
    #expect(try await check(fixture).item("documentation").status == .signed)
    try await keep(.undone, on: "documentation", in: fixture)
    #expect(try await check(fixture).item("documentation").status == .open)
    let refusal = await #expect(throws: Refusal.self) {
      try await keep(.undone, on: "rollback", in: fixture)
    }
    #expect(
      refusal?.diagnostic.description == """
        error: item "rollback" of 001 is neither signed nor waived
          next: `lockstep check --known` shows how each item stands; nothing was recorded
        """)
    await #expect(throws: Refusal.self) { try await keep(.undone, on: "rolback", in: fixture) }
  }

  @Test func `the schema of the rehearsal proves what another tool applied`() async throws {
    let fixture = try await fixture([Self.note])
    _ = try await check(fixture)
    // As dbmate would, behind Lockstep's back.
    try await fixture.database.execute(
      "\(Self.note.up) CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);"
        + " INSERT INTO schema_migrations VALUES ('001')")
    let applied = try await check(fixture, ["001"])
    #expect(try applied.item("applied").status == .passed)
    #expect(
      try applied.item("applied").evidence.map(\.text).contains(
        "the schema is what the rehearsal of it came to"))
    // What was shown before stands.
    #expect(applied.lines.contains("rollback passed") && !applied.rehearsed)
    try await fixture.database.execute("DROP INDEX notes")
    let drifted = try await check(fixture, ["001"])
    #expect(try drifted.item("applied").status == .failed)
  }

  @Test func `one that was rolled back is not applied any more`() async throws {
    let fixture = try await fixture([Self.note])
    try await fixture.database.execute(
      "\(Self.note.up) CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);"
        + " INSERT INTO schema_migrations VALUES ('001')")
    // The row alone proves nothing.
    #expect(try await check(fixture, ["001"]).item("applied").status == .open)
    try await keep(.signed(note: nil), on: "applied", in: fixture)
    #expect(try await check(fixture, ["001"]).item("applied").status == .signed)
  }

  @Test func `other environments know nothing of it, other databases without one neither`()
    async throws
  {
    let fixture = try await fixture([Self.note])
    _ = try await check(fixture)
    #expect(try await check(fixture, environment: "production").rehearsed)
    _ = try await check(fixture, environment: nil)
    #expect(try await check(fixture, environment: nil).rehearsed == false)
    let other = try await TestServer.shared.makeDatabase()
    try await other.execute("CREATE TABLE orders (id int PRIMARY KEY, customer int, channel text)")
    var second = try ProjectFixture("dbmate", [Self.note], in: other)
    second.directories = fixture.directories
    let (project, target) = (fixture.project, try second.target)
    let standing = try await onLoop { loop in
      try await CheckRun(
        project: project, target: target, checklist: Checklists.staging, sources: CheckSources(),
        records: FileRecords(root: project.root), by: "ada", environment: nil,
        options: Runner.Options(), loop: loop
      ).standing()
    }
    #expect(standing[0].items.allSatisfy { $0.status == .open })
  }

  // MARK: With files of the project

  @Test func `key queries, assertions and the query cache are looked at`() async throws {
    let fixture = try await fixture([Self.drop])
    try await fixture.database.execute("INSERT INTO orders VALUES (1, NULL, 'web')")
    let folder = fixture.folder
    folder.write("key/channels.sql", "SELECT channel, count(*) FROM orders GROUP BY 1;")
    folder.write(
      "assert/a.sql", "SELECT 'without a customer', count(*) FROM orders WHERE customer IS NULL;")
    folder.write(
      "cache/query-1.json",
      QueryCacheProbeTests.cached(
        "SELECT channel FROM orders",
        columns: "{\"ordinal\": 0, \"name\": \"channel\", \"type_info\": \"Text\"}",
        nullable: "[true]"))
    let sources = CheckSources(
      keyQueries: "\(folder.path)/key", assertions: "\(folder.path)/assert/a.sql",
      sqlxFolder: "\(folder.path)/cache")
    let list = Checklist(
      title: "files",
      items: [CheckProof.performance, .contract, .assertions, .queryCache].map {
        ChecklistItem(id: $0.rawValue, title: $0.rawValue, proof: $0)
      })
    let ran = try await check(fixture, checklist: list, sources: sources)
    #expect(
      ran.lines == [
        "performance failed", "contract failed", "assertions failed", "query_cache failed",
      ])
    #expect(
      try ran.item("assertions").evidence.map(\.text).contains(
        "  on the target: without a customer: 1"))
    // The files are no part of the migration, so that they are looked at each time.
    folder.write("key/channels.sql", "SELECT count(*) FROM orders;")
    folder.write("assert/a.sql", "SELECT 'none', 0;")
    folder.remove("cache/query-1.json")
    let again = try await check(fixture, checklist: list, sources: sources)
    #expect(
      again.lines == [
        "performance passed", "contract failed", "assertions passed", "query_cache not_applicable",
      ])
  }

  @Test func `dump and diagram are those of the schema after all that is pending`() async throws {
    let fixture = try await fixture([Self.note, Self.drop])
    let folder = fixture.folder
    let sources = CheckSources(
      schemaFile: "\(folder.path)/schema.sql", diagramFile: "\(folder.path)/erd.mmd")
    let list = Checklist(
      title: "files",
      items: [ChecklistItem(id: "documentation", title: "documentation", proof: .documentation)])
    let missing = try await check(fixture, checklist: list, sources: sources)
    #expect(missing.lines == ["documentation failed", "documentation failed"])
    // A second project of the same files, where all is applied, says what they have to be.
    let done = try await TestServer.shared.makeDatabase()
    try await done.execute("CREATE TABLE orders (id int PRIMARY KEY, customer int, channel text)")
    let other = try ProjectFixture("dbmate", [Self.note, Self.drop], in: done)
    #expect(try await other.run(.upAll).summary == "finished +2 -0")
    let (target, table) = (try other.target, QualifiedName(schema: "public", "schema_migrations"))
    let (dump, diagram) = try await onLoop { loop in
      let session = try await Connection.open(target, application: "dump", loop: loop)
      let dump = try await SchemaFile(path: "", target: target).text(
        history: DbmateLayout(), table: table, session)
      let snapshot = try await SchemaReader(session, leavingOut: [table]).read()
      return (dump, ERDiagram(snapshot).mermaid)
    }
    folder.write("schema.sql", dump)
    folder.write("erd.mmd", diagram)
    let fresh = try await check(fixture, checklist: list, sources: sources)
    #expect(fresh.lines == ["documentation passed", "documentation passed"])
    #expect(
      try fresh.item("documentation").evidence.last?.text
        == "  comments on 0 of 0 new tables and 0 of 1 new columns")
    folder.write("erd.mmd", diagram + "x")
    let stale = try await check(fixture, checklist: list, sources: sources)
    #expect(stale.lines == ["documentation failed", "documentation failed"])
    // Where nothing is pending they are those of the target.
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    folder.write("erd.mmd", diagram)
    let applied = try await check(fixture, ["001", "002"], checklist: list, sources: sources)
    #expect(applied.lines == ["documentation passed", "documentation passed"])
    #expect(!applied.rehearsed)
  }

  @Test func `a folder that is not there and a query that is none are told before anything runs`()
    async throws
  {
    let fixture = try await fixture([Self.note])
    let nowhere = CheckSources(keyQueries: "\(fixture.folder.path)/nowhere")
    let refusal = await #expect(throws: Refusal.self) { try await check(fixture, sources: nowhere) }
    #expect(
      refusal?.diagnostic.what.hasSuffix("nowhere\" cannot be read: No such file or directory")
        == true)
    fixture.folder.write("key/q.sql", "SELECT 1; SELECT 2;")
    let two = CheckSources(keyQueries: "\(fixture.folder.path)/key")
    await #expect(throws: Refusal.self) { try await check(fixture, sources: two) }
  }

  @Test func `a version that there is not is refused`() async throws {
    let fixture = try await fixture([Self.note])
    let refusal = await #expect(throws: Refusal.self) { try await check(fixture, ["009"]) }
    #expect(
      refusal?.diagnostic.description == """
        error: there is no migration with the version 009
          next: `lockstep status` shows those that there are; nothing was checked
        """)
  }

  @Test func `files that change while they are rehearsed are refused, and nothing is kept`()
    async throws
  {
    let fixture = try await fixture([Self.note])
    var changed = Self.note
    changed.up += "\nSELECT 1;"
    let later = changed
    let refusal = await #expect(throws: Refusal.self) {
      _ = try await with(fixture, Checklists.staging, CheckSources(), "staging") { check in
        try await check.run { progress in
          if case .rehearsing(.copied) = progress { fixture.write(later) }
        }
      }
    }
    #expect(
      refusal?.diagnostic.description == """
        error: the files of 001 changed while they were checked
          next: check them again; nothing was recorded
        """)
    #expect(try await FileRecords(root: fixture.folder.path).read(.all).records.isEmpty)
  }

  @Test func `what a constraint or a trigger promises is tried`() async throws {
    let ran = try await check(
      try await fixture([
        SampleMigration(
          "001", "audit",
          up: """
            CREATE TABLE audit (what text NOT NULL CONSTRAINT long CHECK (length(what) > 3));
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER touched BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION touch();
            ALTER TABLE audit DISABLE TRIGGER touched;
            """, down: "DROP TABLE audit;\nDROP FUNCTION touch();")
      ]))
    #expect(ran.lines.contains("constraints passed") && ran.lines.contains("triggers failed"))
  }

  @Test func `every finding is kept, and read again as it was`() async throws {
    let fixture = try await fixture([Self.drop])
    let ran = try await check(fixture)
    let kept = try await FileRecords(root: fixture.folder.path).read(.all).records.compactMap {
      record -> CheckRecord? in
      guard case .check(let check, _) = record else { return nil }
      return check
    }
    #expect(kept.map(\.item) == Checklists.staging.items.map(\.id))
    for (record, item) in zip(kept, ran.migrations[0].items) {
      guard case .proven(let finding) = record.act else {
        Issue.record("\(record)")
        continue
      }
      #expect(finding.evidence == item.evidence && record.environment == "staging")
      #expect((finding.schema == nil) == (record.item != "applied"))
    }
  }
}
