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
  private func fixture(_ migrations: [SampleMigration]) async throws -> ProjectFixture {
    try await .checked(migrations)
  }

  @Test func `what can be proven of a pending migration is, and the rest stays open`() async throws
  {
    let ran = try await fixture([.note]).check()
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
    let found = try await fixture([.note]).withCheck { check in
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
    let fixture = try await fixture([.note])
    let first = try await fixture.check()
    let again = try await fixture.check()
    #expect(!again.rehearsed && again.lines.contains("rollback passed"))
    // Whoever looks again changes nothing of what others lean on.
    #expect(
      try again.item("applied").evidence.map(\.text) == ["pending on staging; it applies to a copy"]
    )
    #expect(EvidenceDigest.of(again.migrations[0]) == EvidenceDigest.of(first.migrations[0]))
    var changed = SampleMigration.note
    changed.down = "DROP INDEX notes;"
    fixture.write(changed)
    let stale = try await fixture.withCheck {
      try await $0.standing()
    }
    #expect(stale[0].items.first { $0.item.id == "rollback" }?.status == .stale)
    let third = try await fixture.check()
    #expect(third.rehearsed)
    #expect(third.lines.contains("rollback failed"))
    #expect(
      try third.item("rollback").evidence.map(\.text).contains("  added column public.orders.note"))
  }

  @Test func `an item that is named is proven again, and alone`() async throws {
    let fixture = try await fixture([.note])
    let one = try await fixture.check(items: ["rollback"])
    #expect(one.lines.filter { !$0.hasSuffix(" open") } == ["rollback passed"])
    #expect(try await fixture.check(items: ["rollback"]).rehearsed)
  }

  @Test func `a lossy way back stays open, and a broken contract fails`() async throws {
    let ran = try await fixture([.dropped]).check()
    #expect(ran.lines.contains("rollback open") && ran.lines.contains("contract failed"))
    #expect(ran.migrations[0].verdict == .failed)
    #expect(
      try ran.item("contract").evidence.map(\.text).contains(
        "dropped column public.orders.channel: breaks readers and writers"))
  }

  @Test func `what is applied is rehearsed after rolling it back on the copy`() async throws {
    let fixture = try await fixture([.note, .dropped])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    let ran = try await fixture.check(["001"])
    #expect(ran.rehearsed)
    for line in ["rollback passed", "indexes passed", "contract passed"] {
      #expect(ran.lines.contains(line), "\(ran.lines)")
    }
    let words = "rehearsed after rolling back on the copy: 002, 001"
    for item in ["rollback", "indexes", "contract"] {
      #expect(try ran.item(item).evidence.last?.text == words)
    }
    #expect(try ran.item("applied").evidence.map(\.text).contains(words) == false)
    // It is kept, and stands.
    let again = try await fixture.check(["001"])
    #expect(again.lines.contains("rollback passed") && !again.rehearsed)
  }

  @Test func `applied and pending ones are rehearsed each on a copy of its own`() async throws {
    let fixture = try await fixture([.note])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    fixture.write(
      SampleMigration("002", "broken", up: "SELECT * FROM nowhere;", down: "SELECT 1;"))
    let ran = try await fixture.check(["001", "002"], checklist: Checklists.testing)
    #expect(ran.lines.filter { $0.hasPrefix("applies ") } == ["applies passed", "applies failed"])
  }

  @Test func `what was seen before it was applied stands where it cannot be rehearsed any more`()
    async throws
  {
    let fixture = try await fixture([.dropped])
    let before = try await fixture.check()
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    let last = SampleMigration("003", "last", up: "SELECT 1;")
    fixture.write(last)
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    let after = try await fixture.check(["002"])
    #expect(!after.rehearsed)
    for item in ["contract", "rollback"] {
      #expect(try after.item(item).evidence == before.item(item).evidence)
    }
  }

  @Test func `what is applied and cannot be rehearsed is not proven, and says why`() async throws {
    let fixture = try await fixture([
      .note, SampleMigration("002", "last", up: "SELECT 1;"),
    ])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    let ran = try await fixture.check(["001"])
    #expect(!ran.rehearsed)
    let item = try ran.item("constraints")
    #expect(item.status == .open)
    let lines = item.evidence.map(\.text)
    #expect(
      lines.first?.hasPrefix(
        "001_note is applied and cannot be rehearsed: 002_last, which comes after it, cannot be"
          + " rolled back on the copy first: ") == true, "\(lines)")
    #expect(lines.last == "a person signs, or that way back is written")
  }

  @Test func `rows that rolling back loses fail it, and a copy with rows judges the queries`()
    async throws
  {
    let fixture = try await fixture([.dropped])
    try await fixture.database.execute(
      "INSERT INTO orders SELECT i, i % 10, 'web' FROM generate_series(1, 100) i; ANALYZE orders")
    fixture.folder.write("key/q.sql", "SELECT count(*) FROM orders WHERE customer = 3;")
    let ran = try await fixture.check(
      sources: CheckSources(keyQueries: "\(fixture.folder.path)/key"))
    #expect(ran.lines.contains("rollback failed") && ran.lines.contains("performance passed"))
  }

  @Test func `one that fails on the copy fails, and those behind it are not proven`() async throws {
    let broken = SampleMigration("001", "broken", up: "SELECT * FROM nowhere;", down: "SELECT 1;")
    let ran = try await fixture([broken, .dropped]).check(checklist: Checklists.testing)
    #expect(
      ran.lines == [
        "applies failed", "rollback open", "assertions open", "application open", "volume open",
        "duration open", "review open",
        "applies open", "rollback open", "assertions open", "application open", "volume open",
        "duration open", "review open",
      ])
  }

  @Test func `a waiver stands while the content does, whatever is checked`() async throws {
    let fixture = try await fixture([.dropped])
    _ = try await fixture.check()
    try await fixture.keep(.waived(reason: "agreed"), on: "contract", "002")
    let waived = try await fixture.check()
    #expect(try waived.item("contract").status == .waived)
    #expect(try waived.item("contract").evidence.isEmpty == false)
    // Asked for by name it is proven again, and what is found replaces the word.
    #expect(
      try await fixture.check(items: ["contract"]).item("contract").status == .failed)
    var changed = SampleMigration.dropped
    changed.up += "\nSELECT 1;"
    fixture.write(changed)
    #expect(try await fixture.check().item("contract").status == .failed)
  }

  @Test func `what is signed can be taken back, and nothing else`() async throws {
    let fixture = try await fixture([.note])
    try await fixture.keep(.signed(note: "wiki"), on: "documentation")
    #expect(try await fixture.check().item("documentation").status == .signed)
    try await fixture.keep(.undone, on: "documentation")
    #expect(try await fixture.check().item("documentation").status == .open)
    let refusal = await #expect(throws: Refusal.self) {
      try await fixture.keep(.undone, on: "rollback")
    }
    #expect(
      refusal?.diagnostic.description == """
        error: item "rollback" of 001 is neither signed nor waived
          next: `lockstep check --known` shows how each item stands; nothing was recorded
        """)
    await #expect(throws: Refusal.self) { try await fixture.keep(.undone, on: "rolback") }
  }

  @Test func `the schema of the rehearsal proves what another tool applied`() async throws {
    let fixture = try await fixture([.note])
    _ = try await fixture.check()
    // As dbmate would, behind Lockstep's back.
    try await fixture.database.execute(
      "\(SampleMigration.note.up) CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);"
        + " INSERT INTO schema_migrations VALUES ('001')")
    let applied = try await fixture.check(["001"])
    #expect(try applied.item("applied").status == .passed)
    #expect(
      try applied.item("applied").evidence.map(\.text).contains(
        "the schema is what the rehearsal of it came to"))
    // What was shown before stands.
    #expect(applied.lines.contains("rollback passed") && !applied.rehearsed)
    try await fixture.database.execute("DROP INDEX notes")
    let drifted = try await fixture.check(["001"])
    #expect(try drifted.item("applied").status == .failed)
  }

  @Test func `one that was rolled back is not applied any more`() async throws {
    let fixture = try await fixture([.note])
    try await fixture.database.execute(
      "\(SampleMigration.note.up) CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);"
        + " INSERT INTO schema_migrations VALUES ('001')")
    // The row alone proves nothing.
    #expect(try await fixture.check(["001"]).item("applied").status == .open)
    try await fixture.keep(.signed(note: nil), on: "applied")
    #expect(try await fixture.check(["001"]).item("applied").status == .signed)
  }

  @Test func `a copy that is asked for is made whatever was kept, and told with what it showed`()
    async throws
  {
    let fixture = try await fixture([.note])
    try await fixture.database.execute("INSERT INTO orders VALUES (1, NULL, 'web')")
    let sampled = RehearsalCopy(.sampled, .rows(7))
    let first = try await fixture.check(copy: sampled)
    let seen = CheckFinding.Copy(.sampled, sample: "at most 7 rows a table")
    #expect(try first.item("rollback").copy == seen && first.item("indexes").copy == seen)
    // What is seen of the target or of the files alone was seen on no copy.
    #expect(try first.item("applied").copy == nil && first.item("performance").copy == nil)
    try await fixture.keep(.signed(note: nil), on: "contract")
    let second = try await fixture.check(copy: RehearsalCopy(.shape))
    #expect(second.rehearsed)
    let standing = try await fixture.withCheck {
      try await $0.standing()
    }
    let kept = Dictionary(uniqueKeysWithValues: standing[0].items.map { ($0.item.id, $0) })
    #expect(kept["rollback"]?.copy == CheckFinding.Copy(.shape))
    // A person has seen to it: it is not proven anew.
    #expect(kept["contract"]?.status == .signed && kept["contract"]?.copy == seen)
    #expect(try await fixture.check().rehearsed == false)
  }

  @Test func `other environments know nothing of it, other databases without one neither`()
    async throws
  {
    let fixture = try await fixture([.note])
    _ = try await fixture.check()
    #expect(try await fixture.check(environment: "production").rehearsed)
    _ = try await fixture.check(environment: nil)
    #expect(try await fixture.check(environment: nil).rehearsed == false)
    let other = try await TestServer.shared.makeDatabase()
    try await other.execute("CREATE TABLE orders (id int PRIMARY KEY, customer int, channel text)")
    var second = try ProjectFixture("dbmate", [.note], in: other)
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

  @Test func `a folder that is not there and a query that is none are told before anything runs`()
    async throws
  {
    let fixture = try await fixture([.note])
    let nowhere = CheckSources(keyQueries: "\(fixture.folder.path)/nowhere")
    let refusal = await #expect(throws: Refusal.self) { try await fixture.check(sources: nowhere) }
    #expect(
      refusal?.diagnostic.what.hasSuffix("nowhere\" cannot be read: No such file or directory")
        == true)
    fixture.folder.write("key/q.sql", "SELECT 1; SELECT 2;")
    let two = CheckSources(keyQueries: "\(fixture.folder.path)/key")
    await #expect(throws: Refusal.self) { try await fixture.check(sources: two) }
  }

  @Test func `a version that there is not is refused`() async throws {
    let fixture = try await fixture([.note])
    let refusal = await #expect(throws: Refusal.self) { try await fixture.check(["009"]) }
    #expect(
      refusal?.diagnostic.description == """
        error: there is no migration with the version "009"
          next: did you mean 001? `lockstep status` lists them all
        """)
  }

  @Test func `files that change while they are rehearsed are refused, and nothing is kept`()
    async throws
  {
    let fixture = try await fixture([.note])
    var changed = SampleMigration.note
    changed.up += "\nSELECT 1;"
    let later = changed
    let refusal = await #expect(throws: Refusal.self) {
      _ = try await fixture.withCheck { check in
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
    let fixture = try await fixture([
      SampleMigration(
        "001", "audit",
        up: """
          CREATE TABLE audit (what text NOT NULL CONSTRAINT long CHECK (length(what) > 3));
          CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
          CREATE TRIGGER touched BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION touch();
          ALTER TABLE audit DISABLE TRIGGER touched;
          """, down: "DROP TABLE audit;\nDROP FUNCTION touch();")
    ])
    let ran = try await fixture.check()
    #expect(ran.lines.contains("constraints passed") && ran.lines.contains("triggers failed"))
  }

  @Test func `every finding is kept, and read again as it was`() async throws {
    let fixture = try await fixture([.dropped])
    let ran = try await fixture.check()
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
