import Diagnostics
import MigrationModel
import PostgresModel
import Testing

/// What each proof concludes from what was seen.
@Suite struct CheckFindingTests {
  private func status(
    _ state: MigrationStatus.State = .pending, _ problems: [MigrationStatus.Problem] = [],
    text: String = "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n"
  ) -> MigrationStatus {
    let migration = DbmateLayout().catalog(of: [file("001_a.sql", text)]).migrations[0]
    return MigrationStatus(
      version: Version("001"), name: "a", state: state, problems: problems, migration: migration,
      row: nil)
  }

  private func rehearsed(
    applies: Bool? = true, changes: [SchemaDiff.Change] = [],
    rollBack: RollBack = RollBack(hasScript: true, runs: true, differences: []),
    reapplies: Bool? = true, error: Diagnostic? = nil, trials: [Trial]? = nil
  ) -> RehearsedMigration {
    var migration = RehearsedMigration(
      version: Version("001"), name: "a", applies: applies, changes: changes, rollBack: rollBack,
      reapplies: reapplies, error: error)
    migration.trials = trials
    return migration
  }

  private func scene(
    _ status: MigrationStatus? = nil, _ rehearsed: RehearsedMigration? = nil
  ) -> CheckScene {
    var scene = CheckScene(status ?? self.status(), environment: "staging")
    scene.rehearsed = rehearsed
    scene.mode = rehearsed == nil ? nil : .shape
    return scene
  }

  private func lines(_ finding: CheckFinding) -> [String] {
    finding.evidence.map { "\($0.weight.mark) \($0.text)" }
  }

  /// What differs between two schemas given as facts.
  private func changes(_ before: [SchemaFact], _ after: [SchemaFact]) -> [SchemaDiff.Change] {
    SchemaDiff(from: SchemaSnapshot(before), to: SchemaSnapshot(after)).changes
  }

  private let failure = Diagnostic.error(
    code: "sql_error", "relation \"b\" does not exist", sqlstate: "42P01")

  // MARK: Applied

  @Test func `pending is not applied, and says whether a copy took it`() {
    #expect(CheckFinding(.applied, scene()).verdict == .notProven)
    #expect(
      lines(CheckFinding(.applied, scene(nil, rehearsed()))) == [
        "? pending on staging; it applies to a copy"
      ])
  }

  private func run(
    _ outcome: StepRecord.Outcome, _ direction: Direction = .up
  ) -> (step: StepRecord, by: String) {
    (
      StepRecord(
        run: "r", version: Version("001"), name: "a", direction: direction, checksum: nil,
        startedAt: Instant(microseconds: 0), durationMilliseconds: 1234, outcome: outcome), "ada"
    )
  }

  @Test func `the history row and the run that wrote it prove it`() {
    var scene = scene(status(.applied))
    scene.run = run(.done)
    let finding = CheckFinding(.applied, scene)
    #expect(finding.verdict == .passed)
    #expect(
      lines(finding) == [
        "+ the history says that it is applied on staging",
        "+ run at 1970-01-01 00:00:00 UTC by ada, done in 1.2 s",
        "  the schema was not compared: no rehearsal of it was kept",
      ])
  }

  @Test func `the history row alone, or one that was written by hand, proves nothing`() {
    #expect(CheckFinding(.applied, scene(status(.applied))).verdict == .notProven)
    var marked = scene(status(.applied))
    marked.run = run(.marked)
    #expect(CheckFinding(.applied, marked).verdict == .notProven)
    marked.run = run(.done, .down)
    #expect(CheckFinding(.applied, marked).verdict == .notProven)
  }

  @Test func `the schema of the rehearsal proves it whoever ran it, and another refutes it`() {
    var scene = scene(status(.applied))
    scene.schema = .equal
    #expect(CheckFinding(.applied, scene).verdict == .passed)
    scene.schema = .different
    scene.run = run(.done)
    #expect(CheckFinding(.applied, scene).verdict == .failed)
  }

  @Test func `drift, a missing file and a broken run refute it`() {
    let drift = MigrationStatus.Problem.changed(
      recorded: Checksum(.sha256, of: [1]), found: Checksum(.sha256, of: [2]))
    for problem in [drift, .missingFile, .dirty] {
      var scene = scene(status(.applied, [problem]))
      scene.run = run(.done)
      #expect(CheckFinding(.applied, scene).verdict == .failed)
    }
    #expect(CheckFinding(.applied, scene(status(.failed))).verdict == .failed)
  }

  // MARK: Rollback

  @Test func `a way back that leads back passes, and says what was not seen`() {
    let finding = CheckFinding(.rollback, scene(nil, rehearsed()))
    #expect(finding.verdict == .passed)
    #expect(
      lines(finding) == [
        "+ rolled back: the schema is exactly as before", "+ applied again, with the same schema",
        "  the copy had no rows, and it neither drops nor writes any",
      ])
  }

  @Test func `a schema that is not as before fails, with what differs`() {
    let differences = changes([SchemaFact("table", "public.a")], [])
    let finding = CheckFinding(
      .rollback,
      scene(
        nil,
        rehearsed(rollBack: RollBack(hasScript: true, runs: true, differences: differences))))
    #expect(finding.verdict == .failed)
    #expect(
      lines(finding).prefix(2) == [
        "! rolled back: the schema is not as before", "!   dropped table public.a",
      ])
  }

  @Test func `places of columns alone pass`() {
    let differences = changes(
      [SchemaFact("column", "public.a.b", "place", "1")],
      [SchemaFact("column", "public.a.b", "place", "2")])
    let finding = CheckFinding(
      .rollback,
      scene(
        nil,
        rehearsed(rollBack: RollBack(hasScript: true, runs: true, differences: differences))))
    #expect(finding.verdict == .passed)
    #expect(
      lines(finding)[0] == "+ rolled back: the schema is as before but for the places of columns")
  }

  @Test func `a way back that fails is told with the server's words`() {
    let finding = CheckFinding(
      .rollback,
      scene(
        nil,
        rehearsed(
          rollBack: RollBack(hasScript: true, runs: false), reapplies: nil, error: failure)))
    #expect(finding.verdict == .failed)
    #expect(
      lines(finding) == [
        "! the way back fails", "! relation \"b\" does not exist (SQLSTATE 42P01)",
      ])
  }

  @Test func `what the way up drops is not proven to come back without rows`() {
    let lost = changes(
      [SchemaFact("column", "public.a.b", "", "public.a")], [])
    let finding = CheckFinding(.rollback, scene(nil, rehearsed(changes: lost)))
    #expect(finding.verdict == .notProven)
    #expect(
      lines(finding).last
        == "? whether the way back brings back what was in public.a.b needs rows")
  }

  @Test func `what the way up writes is not proven to come back without rows`() {
    var written = rehearsed()
    written.statements = [
      RehearsedStatement(index: 0, line: 1, sql: "UPDATE a SET b = 1", isTransactional: true)
    ]
    #expect(CheckFinding(.rollback, scene(nil, written)).verdict == .notProven)
    // With rows it is what was seen of them that counts.
    var seen = scene(nil, written)
    seen.mode = .sampled
    #expect(CheckFinding(.rollback, seen).verdict == .passed)
  }

  @Test func `a run that cannot be taken up again where it broke off fails`() {
    var broken = rehearsed()
    broken.brokenOff = [BrokenOffTrial(index: 0, line: 3, outcome: .stuck("busy"))]
    #expect(CheckFinding(.applies, scene(nil, broken)).verdict == .failed)
  }

  @Test func `rows that are lost fail it`() {
    let trial = Trial(.rollback, "rows of public.a", .refuted, [.init("2 of 5 are gone", .refutes)])
    let finding = CheckFinding(.rollback, scene(nil, rehearsed(trials: [trial])))
    #expect(finding.verdict == .failed)
    #expect(lines(finding).contains("! rows of public.a: refuted"))
  }

  @Test func `no way back fails, whether it is meant or not`() {
    let none = status(
      text: "-- migrate:up\n-- WARNING: Non-reversible migration\nSELECT 1;\n-- migrate:down\n")
    let back = RollBack(hasScript: false)
    #expect(CheckFinding(.rollback, scene(none, rehearsed(rollBack: back))).verdict == .failed)
    #expect(CheckFinding(.rollback, scene(none)).verdict == .failed)
    #expect(CheckFinding(.downScript, scene(none)).verdict == .failed)
    #expect(CheckFinding(.downScript, scene()).verdict == .passed)
    #expect(
      CheckFinding(.reapplies, scene(none, rehearsed(rollBack: back, reapplies: nil))).verdict
        == .notApplicable)
  }

  @Test func `what was not rehearsed is not proven, and says why`() {
    for proof in [CheckProof.rollback, .contract, .applies, .reapplies, .duration, .constraints] {
      #expect(CheckFinding(proof, scene()).verdict == .notProven, "\(proof)")
    }
    let later = rehearsed(applies: nil, rollBack: RollBack(hasScript: true), reapplies: nil)
    #expect(
      lines(CheckFinding(.applies, scene(nil, later))) == [
        "? not rehearsed: one before it failed"
      ])
    let broken = rehearsed(
      applies: false, rollBack: RollBack(hasScript: true), reapplies: nil, error: failure)
    #expect(CheckFinding(.applies, scene(nil, broken)).verdict == .failed)
    #expect(
      lines(CheckFinding(.indexes, scene(nil, broken))) == [
        "? not tried: it could not be applied to the copy",
        "! relation \"b\" does not exist (SQLSTATE 42P01)",
      ])
  }

  @Test func `what was rolled back on the copy first is told with what it has shown`() {
    var seen = rehearsed()
    seen.rolledBackFirst = [Version("002"), Version("001")]
    let words = "  rehearsed after rolling back on the copy: 002, 001"
    let scene = scene(status(.applied), seen)
    for proof in [CheckProof.applies, .reapplies, .rollback, .contract, .indexes] {
      #expect(lines(CheckFinding(proof, scene)).last == words, "\(proof)")
    }
    // What is seen on the target, or is not seen at all, does not come from the copy.
    for proof in [CheckProof.applied, .downScript, .backup, .performance, .documentation] {
      #expect(!lines(CheckFinding(proof, scene)).contains(words), "\(proof)")
    }
  }

  @Test func `what cannot be rolled back on the copy first is not proven, and says why`() {
    var scene = scene(status(.applied))
    scene.obstacle = "001_a is applied and cannot be rehearsed: 002 is in the way"
    for proof in [CheckProof.rollback, .contract, .applies, .reapplies, .constraints] {
      let finding = CheckFinding(proof, scene)
      #expect(finding.verdict == .notProven)
      #expect(
        lines(finding) == [
          "? 001_a is applied and cannot be rehearsed: 002 is in the way",
          "  a person signs, or that way back is written",
        ])
    }
    var other = rehearsed(
      applies: nil, rollBack: RollBack(hasScript: true), reapplies: nil, error: failure)
    other.rolledBackFirst = [Version("002"), Version("001")]
    other.standsInTheWay = Version("002")
    // The fault of another speaks for nothing here.
    #expect(
      lines(CheckFinding(.rollback, self.scene(status(.applied), other))) == [
        "? not run: it is applied, and 002, which comes after it, could not be rolled back on the"
          + " copy first",
        "? relation \"b\" does not exist (SQLSTATE 42P01)",
      ])
    other.standsInTheWay = Version("001")
    let own = CheckFinding(.rollback, self.scene(status(.applied), other))
    #expect(own.verdict == .notProven)
    #expect(
      lines(own) == [
        "? not run: it is applied, and it could not be rolled back on the copy first",
        "! relation \"b\" does not exist (SQLSTATE 42P01)",
      ])
  }

  // MARK: Contract

  private func contract(
    _ before: [SchemaFact], _ after: [SchemaFact], text: String? = nil, trials: [Trial]? = nil
  ) -> CheckFinding {
    let given = text.map { self.status(text: "-- migrate:up\n\($0)\nSELECT 1;\n-- migrate:down\n") }
    var scene = scene(given, rehearsed(changes: changes(before, after), trials: trials))
    scene.before = SchemaSnapshot(before)
    return CheckFinding(.contract, scene)
  }

  @Test func `nothing taken away passes`() {
    let finding = contract([], [SchemaFact("table", "public.a")])
    #expect(finding.verdict == .passed)
    #expect(lines(finding) == ["+ nothing was dropped, renamed, retyped or restricted"])
  }

  @Test(arguments: [
    ("table", "", "", "! dropped table public.a: breaks readers and writers"),
    ("view", "", "", "! dropped view public.a: breaks readers"),
    ("function", "", "", "! dropped function public.a: breaks readers and writers"),
  ])
  func `what is dropped fails`(kind: String, property: String, value: String, line: String) {
    let finding = contract([SchemaFact(kind, "public.a", property, value)], [])
    #expect(finding.verdict == .failed)
    #expect(lines(finding) == [line, "! no BREAKING CHANGE note in the file says so"])
  }

  @Test func `a retyped column and a shorter enum fail, a wider one passes`() {
    func retyped(_ before: String, _ after: String) -> CheckFinding.Verdict {
      contract(
        [SchemaFact("column", "public.a.b", "type", before)],
        [SchemaFact("column", "public.a.b", "type", after)]
      ).verdict
    }
    #expect(retyped("integer", "text") == .failed)
    #expect(retyped("character varying(20)", "character varying(10)") == .failed)
    #expect(retyped("character varying(20)", "text") == .passed)
    let labels = contract(
      [SchemaFact("type", "public.e", "labels", "a,b")],
      [SchemaFact("type", "public.e", "labels", "a")])
    #expect(labels.verdict == .failed)
  }

  @Test func `a renamed column is told as one`() {
    let finding = contract(
      [SchemaFact("column", "public.a.b", "", "public.a")],
      [SchemaFact("column", "public.a.c", "", "public.a")])
    #expect(finding.verdict == .failed)
    #expect(
      lines(finding)[0]
        == "! dropped column public.a.b: breaks readers and writers; public.a.c is new, and may be its"
        + " new name")
  }

  @Test func `a new column that everybody has to fill in fails, one with a default passes`() {
    let column = SchemaFact("column", "public.a.b", "", "public.a")
    let notNull = SchemaFact("column", "public.a.b", "not null", "yes")
    let filled = SchemaFact("column", "public.a.b", "default", "0")
    #expect(contract([], [column, notNull]).verdict == .failed)
    #expect(contract([], [column, notNull, filled]).verdict == .passed)
  }

  @Test func `what only refuses more is left to a person`() {
    let finding = contract(
      [], [SchemaFact("constraint", "public.a.c", "", "public.a")])
    #expect(finding.verdict == .notProven)
    #expect(
      lines(finding) == [
        "? added constraint public.a.c: may refuse what is written today",
        "  no BREAKING CHANGE note in the file says so",
      ])
    let notNull = contract([], [SchemaFact("column", "public.a.b", "not null", "yes")])
    #expect(notNull.verdict == .notProven)
  }

  @Test func `an index counts only where it is unique, since nobody names another`() {
    func dropping(_ definition: String) -> CheckFinding.Verdict {
      contract(
        [
          SchemaFact("index", "public.i", "", "public.a"),
          SchemaFact("index", "public.i", "definition", definition),
        ], []
      ).verdict
    }
    #expect(dropping("CREATE INDEX i ON public.a USING btree (b)") == .passed)
    #expect(dropping("CREATE UNIQUE INDEX i ON public.a USING btree (b)") == .failed)
  }

  @Test func `a note in the file is told, and proves nothing`() {
    let finding = contract(
      [SchemaFact("table", "public.a")], [], text: "-- BREAKING CHANGE: the API moved")
    #expect(finding.verdict == .failed)
    #expect(
      lines(finding).last == "  migrations/001_a.sql:2 says so: BREAKING CHANGE: the API moved")
  }

  @Test func `what belongs to a dropped table goes with it in one line`() {
    let finding = contract(
      [
        SchemaFact("table", "public.a"), SchemaFact("column", "public.a.b", "", "public.a"),
        SchemaFact("constraint", "public.a.c", "", "public.a"),
      ], [])
    #expect(finding.evidence.count { $0.text.hasPrefix("dropped") } == 1)
  }

  @Test func `a key query that is refused fails it`() {
    let trial = Trial(.contract, "query a", .refuted)
    #expect(contract([], [], trials: [trial]).verdict == .failed)
  }

  // MARK: What was tried

  @Test
  func `one trial that refutes fails, one that proves nothing leaves open, none is not applicable`()
  {
    func trials(_ outcomes: [Trial.Outcome]) -> CheckFinding.Verdict {
      CheckFinding(outcomes.map { Trial(.triggers, "t", $0) }).verdict
    }
    #expect(trials([.proven, .refuted, .notProven]) == .failed)
    #expect(trials([.proven, .notProven]) == .notProven)
    #expect(trials([.proven]) == .passed)
    #expect(trials([]) == .notApplicable)
  }

  @Test func `what was made and not tried is not passed over`() {
    let made = changes([], [SchemaFact("constraint", "public.a.c", "", "public.a")])
    #expect(CheckFinding(.constraints, scene(nil, rehearsed(changes: made))).verdict == .notProven)
    #expect(CheckFinding(.constraints, scene(nil, rehearsed())).verdict == .notApplicable)
  }

  @Test func `without trials the catalogue says whether an index can be used`() {
    let index = SchemaFact("index", "public.i", "", "public.a")
    func verdict(_ facts: [SchemaFact]) -> CheckFinding.Verdict {
      var scene = scene(nil, rehearsed(changes: changes([], [index])))
      scene.after = SchemaSnapshot([index] + facts)
      return CheckFinding(.indexes, scene).verdict
    }
    #expect(verdict([]) == .passed)
    for property in ["valid", "ready", "live"] {
      #expect(verdict([SchemaFact("index", "public.i", property, "no")]) == .failed)
    }
  }

  @Test func `what the project has nothing for is left to a person, and its way is told`() {
    #expect(
      lines(CheckFinding(.performance, scene(nil, rehearsed()))) == [
        "? no key queries: name a folder of them with key_queries in lockstep.json"
      ])
    for proof in [CheckProof.performance, .assertions, .documentation, .backup] {
      #expect(CheckFinding(proof, scene(nil, rehearsed())).verdict == .notProven)
    }
    #expect(CheckFinding(.queryCache, scene(nil, rehearsed())).verdict == .notApplicable)
    var tried = scene(nil, rehearsed())
    tried.trials = [Trial(.documentation, "diagram", .proven)]
    #expect(CheckFinding(.documentation, tried).verdict == .passed)
  }

  // MARK: Duration

  @Test func `the time of an empty copy proves nothing, that of the target does`() {
    var migration = rehearsed()
    migration.durationMilliseconds = 12
    #expect(CheckFinding(.duration, scene(nil, migration)).verdict == .notProven)
    var applied = scene(status(.applied))
    applied.run = run(.done)
    let finding = CheckFinding(.duration, applied)
    #expect(finding.verdict == .passed && lines(finding) == ["+ it took 1.2 s on staging"])
    applied.run?.step.durationMilliseconds = 31_000
    #expect(CheckFinding(.duration, applied).verdict == .failed)
  }
}
