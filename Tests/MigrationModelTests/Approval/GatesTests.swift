import Diagnostics
import MigrationModel
import PostgresModel
import Testing

/// What keeps a plan out of a protected environment, decided from values alone.
@Suite struct GatesTests {
  private static let production = DatabaseIdentity(
    database: "app", server: "db1:5432", system: "7")
  private static let checklist = Checklist(
    title: "short",
    items: [
      ChecklistItem(id: "applied", title: "applied", proof: .applied),
      ChecklistItem(id: "told", title: "the team knows"),
    ])
  private let files = [dbmateFile("1_a.sql"), dbmateFile("2_b.sql")]

  private func at(_ second: Int64) -> Instant { Instant(microseconds: second * 1_000_000) }

  private func demands(_ change: (inout EnvironmentDemands) -> Void = { _ in })
    -> EnvironmentDemands
  {
    var demands = EnvironmentDemands(environment: "production", origin: "--env")
    demands.isProtected = true
    change(&demands)
    return demands
  }

  private func facts(
    _ files: [SourceFile]? = nil, rows: [HistoryRow] = [], records: [RunRecord] = [],
    identity: DatabaseIdentity = production,
    glass: GateFacts.BrokenGlass? = nil, _ change: (inout EnvironmentDemands) -> Void = { _ in }
  ) -> GateFacts {
    GateFacts(
      demands: demands(change), identity: identity,
      status: joined(DbmateLayout(), files ?? self.files, rows),
      archive: RunArchive(records, of: identity), checklist: Self.checklist,
      brokenGlass: glass)
  }

  private func plan(_ facts: GateFacts, _ request: PlanRequest = upAll) -> Plan {
    Plan.make(request, status: facts.status, layout: DbmateLayout(), context: PlanContext())
  }

  /// An approval of everything that is pending, as it would be given on these facts.
  private func approval(
    _ facts: GateFacts, by: String = "Rita Reader", id: String = "a", at second: Int64 = 100,
    authors: [String]? = ["Ann Author <ann@example.org>"], request: PlanRequest = upAll
  ) -> Approval {
    Approval(
      id: id, at: at(second), by: by, manner: .typed, environment: facts.demands.environment,
      identity: facts.identity, direction: plan(facts, request).steps[0].direction,
      migrations: facts.subject(of: plan(facts, request)) { _ in authors })
  }

  private func gate(
    _ id: Gate.ID, _ facts: GateFacts, _ request: PlanRequest = upAll
  ) -> Gate? {
    Gates.all(for: plan(facts, request), facts).first { $0.id == id }
  }

  private func checks(_ content: [SourceFile]? = nil, _ act: CheckRecord.Act? = nil) -> [RunRecord]
  {
    let status = joined(DbmateLayout(), content ?? files, [])
    return status.migrations.flatMap { migration -> [RunRecord] in
      let checksum = migration.migration?.contentChecksum.hexadecimal ?? ""
      func record(_ item: String, _ act: CheckRecord.Act) -> RunRecord {
        .check(
          CheckRecord(
            at: at(50), by: "me", version: migration.version, checksum: checksum,
            environment: "staging", item: item, act: act), Self.production)
      }
      return [
        record("applied", act ?? .proven(CheckFinding(.passed, [.init("row 1", .supports)]))),
        record("told", .signed(note: "mail of 9 May")),
      ]
    }
  }

  // MARK: Nothing asked

  @Test func `an environment that asks for nothing has no closed gate`() {
    let facts = facts { $0.isProtected = false }
    #expect(
      Gates.all(for: plan(facts), facts).map(\.state) == Array(repeating: .notAsked, count: 5))
  }

  @Test func `a plan that would do nothing needs no approval`() {
    let facts = facts(rows: [HistoryRow(version: Version("1")), HistoryRow(version: Version("2"))])
    #expect(Gates.all(for: plan(facts), facts).allSatisfy { $0.refusal == nil })
  }

  // MARK: Approved

  @Test func `without an approval it says who has to do what`() {
    let gate = gate(.approval, facts())
    #expect(
      gate?.refusal?.description == """
        error: environment "production" is protected, and this is not approved
          from: --env
          1:    nobody has approved it
          2:    nobody has approved it
          next: have it looked at and approved: `lockstep approve -e production`; nothing was done
        """)
  }

  @Test func `an approval of this content on this evidence and database opens the gate`() {
    let before = facts(records: checks())
    let gate = gate(.approval, facts(records: checks() + [.approval(.given(approval(before)))]))
    #expect(gate?.state == .open("approved by Rita Reader"))
    #expect(
      gate?.evidence == [
        "1_a: by Rita Reader, 1970-01-01 00:01:40 UTC",
        "2_b: by Rita Reader, 1970-01-01 00:01:40 UTC",
      ])
  }

  @Test func `a part of what was approved may run, and more may not`() {
    let records: [RunRecord] = [.approval(.given(approval(facts())))]
    #expect(
      gate(
        .approval, facts(records: records),
        .up(to: Version("1"), count: nil, allowOutOfOrder: false))?.refusal == nil)
    let more = facts(files + [dbmateFile("3_c.sql")], records: records)
    #expect(
      gate(.approval, more)?.refusal?.details.map(\.text) == ["--env", "nobody has approved it"])
  }

  @Test func `a file that changes voids the approval, and it says so`() throws {
    let records: [RunRecord] = [.approval(.given(approval(facts())))]
    let changed = [files[0], dbmateFile("2_b.sql", up: "SELECT 3;")]
    let detail = try #require(
      gate(.approval, facts(changed, records: records))?.refusal?.details.last)
    #expect(detail.label == "2")
    #expect(detail.text.hasPrefix("no longer: its files have changed since: SHA-256 "))
    // What was approved beside it still stands.
    let first = PlanRequest.up(to: Version("1"), count: nil, allowOutOfOrder: false)
    #expect(gate(.approval, facts(changed, records: records), first)?.refusal == nil)
  }

  @Test func `proving the same again changes no evidence`() {
    let before = facts(records: checks()) { $0.validatedOn = "staging" }
    let records = checks() + checks() + [.approval(.given(approval(before)))]
    #expect(
      gate(.approval, facts(records: records) { $0.validatedOn = "staging" })?.refusal == nil)
  }

  @Test func `another database is not the one that was approved`() {
    let given: [RunRecord] = [.approval(.given(approval(facts())))]
    let other = DatabaseIdentity(database: "app", server: "db2:5432", system: "8")
    #expect(
      gate(.approval, facts(records: given, identity: other))?.refusal?.details.last?.text
        == "no longer: it was approved for \"app\" on db1:5432 (system 7), and this is"
        + " \"app\" on db2:5432 (system 8)")
    // By another name it is the same one.
    let renamed = DatabaseIdentity(database: "app", server: "localhost:5432", system: "7")
    #expect(gate(.approval, facts(records: given, identity: renamed))?.refusal == nil)
  }

  @Test func `what cannot be told to be the database that was approved is another`() throws {
    func reason(_ change: (inout DatabaseIdentity) -> Void) -> String? {
      var approved = Self.production
      approved.oid = "16384"
      let given = approval(facts(identity: approved))
      change(&approved)
      let now = facts(records: [.approval(.given(given))], identity: approved)
      return gate(.approval, now)?.refusal?.details.last?.text
    }
    #expect(reason { _ in } == nil)
    // As by a restored backup, or a script that begins anew.
    #expect(
      reason { $0.oid = "16999" }
        == "no longer: the database was made anew since: its number was 16384, it is 16999")
    #expect(reason { $0.oid = nil }?.hasSuffix("it is not known") == true)
    // Through the same tunnel another cluster may answer.
    #expect(
      reason { $0.system = nil }
        == "no longer: it was approved for system 7, and this role may not see which one this is: GRANT"
        + " EXECUTE ON FUNCTION pg_control_system() lets it")
  }

  @Test func `an approval is of one history table`() {
    var given = approval(facts())
    given.table = "public.schema_migrations"
    #expect(gate(.approval, facts(records: [.approval(.given(given))]))?.refusal == nil)
    given.table = "public.other"
    #expect(
      gate(.approval, facts(records: [.approval(.given(given))]))?.refusal?.details.last?.text
        == "no longer: it was approved for the history in public.other, and this is"
        + " public.schema_migrations")
  }

  @Test func `what was approved to run behind a migration does not run without it`() {
    let records: [RunRecord] = [.approval(.given(approval(facts())))]
    let second = [files[1]]
    #expect(
      gate(.approval, facts(second, records: records))?.refusal?.details.last?.text
        == "no longer: 1, which was approved to run before it, is gone")
    // Once that is applied, its file is another matter.
    let applied = [HistoryRow(version: Version("1"))]
    #expect(
      gate(.approval, facts(second, rows: applied, records: records), upAll)?.refusal == nil)
  }

  @Test func `where a word can be missing from the journal, no other holds`() {
    var facts = facts(records: [.approval(.given(approval(facts())))])
    facts.archive.gaps = [.note(code: "journal_unreadable", "line 3 of \"j\" is no record")]
    #expect(
      gate(.approval, facts)?.refusal?.description == """
        error: whether the approval was taken back cannot be told: line 3 of "j" is no record
          next: see that all of the journal can be read; nothing was done
        """)
    facts.archive.gaps[0].next = "take it out"
    #expect(gate(.approval, facts)?.refusal?.next == "take it out; nothing was done")
    facts.demands.mayBreakGlass = true
    facts.brokenGlass = .init(by: "ann", reason: "down")
    #expect(gate(.approval, facts)?.refusal == nil)
  }

  @Test func `what a lesser copy has shown since is other evidence`() {
    func seen(on copy: CheckFinding.Copy?) -> [RunRecord] {
      var finding = CheckFinding(.passed, [.init("row 1", .supports)])
      finding.copy = copy
      return checks(nil, .proven(finding))
    }
    func reason(_ before: CheckFinding.Copy?, _ after: CheckFinding.Copy?) -> String? {
      let given = approval(facts(records: seen(on: before)) { $0.validatedOn = "staging" })
      let now = facts(records: seen(on: before) + seen(on: after) + [.approval(.given(given))]) {
        $0.validatedOn = "staging"
      }
      return gate(.approval, now)?.refusal?.details.last?.text
    }
    #expect(reason(.init(.clone), .init(.clone)) == nil)
    #expect(
      reason(.init(.clone), .init(.shape))
        == "no longer: its evidence on staging has changed since")
  }

  @Test func `what was taken back no longer holds, and a newer approval does`() {
    let first = approval(facts())
    let records: [RunRecord] = [
      .approval(.given(first)),
      .approval(
        .revoked(
          .init(
            approval: "a", at: at(200), by: "Bob", reason: "not on a Friday",
            identity: Self.production))),
    ]
    #expect(
      gate(.approval, facts(records: records))?.refusal?.details.last?.text
        == "no longer: Bob took it back 1970-01-01 00:03:20 UTC: not on a Friday")
    let again = approval(facts(), id: "b", at: 300)
    #expect(gate(.approval, facts(records: records + [.approval(.given(again))]))?.refusal == nil)
  }

  @Test func `a health check that failed after it was applied voids the approval`() {
    let given = approval(facts())
    var start = runStart("r", at: 400)
    start.identity = Self.production
    let records: [RunRecord] = [
      .approval(.given(given)), .started(start),
      .step(
        StepRecord(
          run: "r", version: Version("1"), name: "a", direction: .up, checksum: nil,
          startedAt: at(401), durationMilliseconds: 1, outcome: .done)),
      .health(
        run: "r", at: at(402),
        HealthCheck(
          way: "sql", question: "select 1", outcome: .failed, answer: "no row",
          durationMilliseconds: 1)),
    ]
    #expect(
      gate(.approval, facts(records: records))?.refusal?.details.map(\.text).last
        == "no longer: the health check failed after it was applied 1970-01-01 00:06:40 UTC")
  }

  @Test
  func `the approval of applying holds for the way back, and one of rolling back for that alone`() {
    let applied = [HistoryRow(version: Version("1")), HistoryRow(version: Version("2"))]
    let given: [RunRecord] = [.approval(.given(approval(facts())))]
    #expect(gate(.approval, facts(rows: applied, records: given), downOne)?.refusal == nil)
    let down = approval(facts(rows: applied), request: downOne)
    let records: [RunRecord] = [.approval(.given(down))]
    #expect(gate(.approval, facts(rows: applied, records: records), downOne)?.refusal == nil)
    #expect(gate(.approval, facts(records: records))?.refusal != nil)
    #expect(
      gate(.approval, facts(rows: applied), downOne)?.refusal?.next
        == "have it looked at and approved: `lockstep approve --down -e production`; nothing was done"
    )
    // What is approved by that is what was asked for.
    #expect(
      gate(.approval, facts(rows: applied), .down(to: nil, count: 2))?.refusal?.next
        == "have it looked at and approved: `lockstep approve --down --count 2 -e production`; nothing"
        + " was done")
    let redo = gate(.approval, facts(rows: applied), .redo(count: 1))?.refusal
    #expect(redo?.details.map(\.text) == ["--env", "nobody has approved it"])
    #expect(
      redo?.next
        == "roll it back and apply it apart, each with its approval, beginning with `lockstep approve"
        + " --down -e production`; nothing was done")
  }

  // MARK: The author

  @Test func `nobody approves a file of their own where the environment says so`() {
    for by in ["ann author", "ANN@example.org", "Ann <ann@example.org>"] {
      let given: [RunRecord] = [.approval(.given(approval(facts(), by: by)))]
      #expect(gate(.otherThanAuthor, facts(records: given))?.state == .notAsked)
      let asked = facts(records: given) { $0.approverIsNotAuthor = true }
      #expect(
        gate(.otherThanAuthor, asked)?.refusal?.what
          == "1_a was written by Ann Author <ann@example.org>, who cannot approve it")
    }
    let other: [RunRecord] = [.approval(.given(approval(facts())))]
    let asked = facts(records: other) { $0.approverIsNotAuthor = true }
    #expect(
      gate(.otherThanAuthor, asked)?.state == .open("nobody has approved a file of their own"))
  }

  @Test func `an author that nobody knows is refused, and only where it matters`() {
    let given: [RunRecord] = [.approval(.given(approval(facts(), authors: nil)))]
    #expect(gate(.otherThanAuthor, facts(records: given))?.state == .notAsked)
    let asked = facts(records: given) { $0.approverIsNotAuthor = true }
    #expect(gate(.otherThanAuthor, asked)?.refusal?.code == "author_unknown")
  }

  // MARK: Validated

  @Test func `what is not settled on staging keeps it out`() {
    let asked = facts { $0.validatedOn = "staging" }
    #expect(
      gate(.validated, asked)?.refusal?.description == """
        error: 2 migrations are not validated on "staging"
          open: 1_a: 0 of 2 settled; left: applied, the team knows
          open: 2_b: 0 of 2 settled; left: applied, the team knows
          next: `lockstep check -e staging 1 2` proves what can be proven, and a person signs the rest; nothing was done
        """)
    let done = facts(records: checks()) { $0.validatedOn = "staging" }
    #expect(gate(.validated, done)?.state == .open("every item is settled for this content"))
  }

  @Test func `a checklist that is empty, or cannot be read, validates nothing`() {
    var asked = facts(records: checks()) { $0.validatedOn = "staging" }
    asked.checklist = Checklist(title: "ours", items: [])
    #expect(
      gate(.validated, asked)?.refusal?.what
        == "the checklist \"ours\" has no items, so nothing is validated by it")
    asked.checklistProblem = .error(code: "configuration", "it cannot be read")
    #expect(gate(.validated, asked)?.refusal?.what == "it cannot be read")
  }

  @Test func `what was validated with another content is stale`() {
    let changed = [files[0], dbmateFile("2_b.sql", up: "SELECT 3;")]
    let asked = facts(changed, records: checks()) { $0.validatedOn = "staging" }
    #expect(
      gate(.validated, asked)?.refusal?.details.map(\.text) == [
        "2_b: 0 of 2 settled; left: applied (stale), the team knows (stale)"
      ])
  }

  @Test func `a way back asks for no validation`() {
    let asked = facts(rows: [HistoryRow(version: Version("1"))]) { $0.validatedOn = "staging" }
    #expect(gate(.validated, asked, downOne)?.state == .notAsked)
  }

  // MARK: Broken glass

  @Test func `broken glass passes over approvals where that is allowed, and over nothing else`() {
    let glass = GateFacts.BrokenGlass(by: "oncall", reason: "the site is down")
    let gates = { (facts: GateFacts) in
      Gates.all(for: plan(facts), facts).compactMap { $0.refusal?.code }
    }
    let no = facts(glass: glass) { $0.validatedOn = "staging" }
    #expect(gates(no) == ["not_validated", "not_approved"])
    var yes = facts(glass: glass) {
      $0.validatedOn = "staging"
      $0.mayBreakGlass = true
      $0.backup = .command(["bin/backup"])
    }
    #expect(gates(yes) == [])
    #expect(
      gate(.approval, yes)?.state == .open("passed over by oncall: the site is down"))
    yes.backup = .impossible(.error(code: "no_backup", "none"))
    #expect(gates(yes) == ["no_backup"])
  }

  @Test func `glass that was broken is no approval of a later run`() {
    var broken = approval(facts())
    broken.manner = .brokeGlass(reason: "down")
    let records: [RunRecord] = [.approval(.given(broken))]
    #expect(gate(.approval, facts(records: records))?.refusal?.code == "not_approved")
  }

  // MARK: Safeguards

  @Test func `backup and health check are asked for where the environment has them`() {
    let asked = facts {
      $0.isProtected = false
      $0.backup = .dump(directory: "backups")
      $0.health = HealthDemand(.url("https://me:secret@app.example.org/health?key=1"))
      $0.rollsBackAutomatically = true
    }
    #expect(gate(.backup, asked)?.state == .open("it is taken before anything runs"))
    #expect(
      gate(.health, asked)?.evidence == [
        "url: https://app.example.org/health", "where it fails, what was applied is rolled back",
      ])
    let mark = PlanRequest.mark(.versions([Version("1")]), as: .applied)
    #expect(gate(.backup, asked, mark)?.state == .notAsked)
  }
}
