import JSON
import TestSupport
import Testing

@testable import lockstep

/// `lockstep check` and `lockstep erd` as a script sees them, with planted truth.
@Suite(.fewAtOnce) struct CheckCommandTests {
  private static let good = """
    -- migrate:up
    CREATE TABLE notes (text text);
    CREATE INDEX notes_text ON notes (text);
    -- migrate:down
    DROP TABLE notes;

    """
  /// Forgets an index on its way back, and leaves one invalid on its way up.
  private static let bad = """
    -- migrate:up
    ALTER TABLE users DROP COLUMN name;
    CREATE INDEX broken ON users (id);
    UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass;
    -- migrate:down
    ALTER TABLE users ADD COLUMN name text;

    """

  private func project(_ files: [String: String]) async throws -> (Program, TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
    var program = try Program(files, url: database.url + "&options=-csearch_path%3Dpublic")
    program.variables["NO_COLOR"] = "1"
    program.variables["DBMATE_NO_DUMP_SCHEMA"] = "true"
    return (program, database)
  }

  private func goodProject(_ more: [String: String] = [:]) async throws -> Program {
    try await project(
      ["db/migrations/001_notes.sql": Self.good].merging(more) { _, new in new }
    ).0
  }

  /// Settles what no rehearsal can: `--item` names the rest.
  private let provable = ["--item", "rollback", "--item", "contract", "--item", "indexes"]

  @Test func `what can be proven passes, what nobody has seen is 1`() async throws {
    let program = try await goodProject()
    let proven = try await program.run(words: ["check", "-q"] + provable)
    #expect(proven.status == 0, "\(proven.errors)\(proven.output)")
    let all = try await program.run("check", "-q")
    #expect(all.status == 1)
    #expect(all.lines.contains("  ✓ rollback       Rolls back, and was seen to"))
    #expect(all.lines.contains("001 notes  incomplete  5 of 8 settled"))
    #expect(all.lines.last == "incomplete   passed 3   open 3   not applicable 2")
  }

  @Test func `planted faults are found`() async throws {
    let (program, database) = try await project(["db/migrations/001_bad.sql": Self.bad])
    let outcome = try await program.run("check")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("001_bad: up again"))
    for line in [
      "  ✗ indexes        Every index is there and can be used  failed",
      "  ✗ rollback       Rolls back, and was seen to  failed",
      "                   !   added index public.broken",
      "  ✗ contract       Nothing that others rely on has changed  failed",
      "                   ! dropped column public.users.name: breaks readers and writers",
      "                   ! no BREAKING CHANGE note in the file says so",
    ] {
      #expect(outcome.lines.contains(line), "\(line) in \(outcome.output)")
    }
    // The target was only read, and no copy is left.
    #expect(try await database.rows("SELECT to_regclass('broken') IS NULL") == ["t"])
    #expect(
      try await database.rows(
        "SELECT count(*) FROM pg_database d WHERE shobj_description(d.oid, 'pg_database') LIKE"
          + " '%copy of \(database.name)'") == ["0"])
  }

  @Test func `JSON is one object a migration, with every key`() async throws {
    let program = try await goodProject([
      "db/migrations/002_more.sql":
        "-- migrate:up\nCREATE TABLE m ();\n-- migrate:down\nDROP TABLE m;\n"
    ])
    let outcome = try await program.run("check", "--json")
    #expect(outcome.status == 1 && outcome.lines.count == 2)
    for line in outcome.lines {
      let json = try #require(JSONValue(reading: line))
      #expect(
        json.keys == ["version", "name", "checksum", "environment", "verdict", "items"])
      #expect(json["verdict"]?.text == "incomplete" && json["checksum"]?.text?.count == 64)
      let items = try #require(json["items"]?.elements)
      #expect(items.count == 8)
      for item in items {
        #expect(
          item.keys == [
            "id", "title", "section", "proof", "status", "evidence", "by", "at", "reason", "notes",
            "rehearsal",
          ])
        for evidence in try #require(item["evidence"]?.elements) {
          #expect(evidence.keys == ["text", "weight"])
        }
      }
    }
    #expect(try await program.run("check", "--format", "json", "--known").lines.count == 2)
  }

  @Test func `the copy can be named, and the result says on which copy it was seen`() async throws {
    let program = try await goodProject()
    let shape = try await program.run("check", "-q", "--mode", "shape")
    #expect(shape.lines[2] == "  rehearsed: schema without rows, on the same server")
    #expect(try await program.run("check", "-q").lines[2] == shape.lines[2])
    let anew = try await program.run(
      "check", "--item", "rollback", "--mode", "sampled", "--sample", "3", "--json")
    let items = try #require(JSONValue(reading: anew.lines[0])?["items"]?.elements)
    let rollback = items.first { $0["id"]?.text == "rollback" }?["rehearsal"]
    #expect(rollback?.keys == ["mode", "sample"])
    #expect(rollback?["mode"]?.text == "sampled")
    #expect(rollback?["sample"]?.text == "at most 3 rows a table")
    #expect(items.first { $0["id"]?.text == "applied" }?["rehearsal"] == .null)
    let both = try await program.run("check", "--known", "--format", "markdown")
    #expect(both.lines.contains { $0.hasPrefix("rehearsed for rollback: schema with a sample") })
  }

  @Test func `a signature, a waiver and a remark are kept, and taken back`() async throws {
    let program = try await goodProject()
    let signed = try await program.run("check", "001", "--sign", "documentation", "--note", "wiki")
    #expect(signed.status == 1)
    #expect(
      signed.output.contains("  ✎ documentation  Schema dump and diagram are up to date  signed\n"))
    #expect(signed.output.contains(" UTC: wiki\n"))
    _ = try await program.run("check", "--waive", "performance", "--reason", "tiny")
    let noted = try await program.run("check", "--item", "performance", "--note", "ask ada")
    #expect(noted.output.contains("note: ask ada\n") && noted.output.contains(" UTC: tiny\n"))
    let undone = try await program.run("check", "--undo", "performance")
    #expect(undone.output.contains("  · performance  "))
    let again = try await program.run("check", "--undo", "performance")
    #expect(
      again.errors == """
        error: item "performance" of 001 is neither signed nor waived
          next: `lockstep check --known` shows how each item stands; nothing was recorded

        """)
  }

  @Test func `all settled is 0, and stale once the file changes`() async throws {
    let program = try await goodProject()
    _ = try await program.run("check")
    let items = ["performance", "documentation", "applied"]
    _ = try await program.run(words: ["check"] + items.flatMap { ["--sign", $0] })
    #expect(try await program.run("check", "--known").status == 0)
    try program.write(Self.good + "-- changed\n", to: "db/migrations/001_notes.sql")
    let stale = try await program.run("check", "--known")
    #expect(stale.status == 1 && stale.lines.last == "incomplete   stale 8")
    #expect(stale.output.contains("of another content, kept by "))
  }

  @Test func `an applied migration is checked with its history and its run`() async throws {
    let program = try await goodProject()
    _ = try await program.run("check")
    #expect(try await program.run("up").status == 0)
    #expect(
      try await program.run("check", "-q").output.hasSuffix("applied migration to check it\n"))
    let outcome = try await program.run("check", "001", "-v")
    #expect(outcome.lines.contains("  ✓ applied        Applied on staging"))
    #expect(outcome.output.contains("+ the schema is what the rehearsal of it came to\n"))
    #expect(outcome.output.contains("  ✓ rollback "))
  }

  @Test(arguments: [
    (["--waive", "contract"], "--waive wants a reason"),
    (["--waive", "contract", "--reason", " "], "--waive wants a reason"),
    (["--reason", "x"], "--reason is of --waive alone"),
    (["--note", "x"], "--note wants the one item that it is about"),
    (["--item", "rolback"], "the checklist \"Staging validation\" has no item \"rolback\""),
    (["--sign", "nothing"], "the checklist \"Staging validation\" has no item \"nothing\""),
    (["--checklist", "stagging"], "there is no checklist \"stagging\""),
    (["--mode", "half"], "--mode does not know \"half\""),
    (
      ["--sample", "0"],
      "`lockstep check` wants for --sample rows of a table, or a share (500, 2%), not \"0\""
    ),
    (["--known", "--mode", "clone"], "--known and --mode cannot be used together"),
    (
      ["--item", "rollback", "--note", "x", "--sample", "5"],
      "--note and --sample cannot be used together"
    ),
    (["--format", "pdf"], "--format does not know \"pdf\""),
    (["009"], "there is no migration with the version \"009\""),
  ])
  func `what is not understood is 2, and nothing is recorded`(
    words: [String], message: String
  ) async throws {
    let program = try await goodProject()
    let outcome = try await program.run(words: ["check"] + words)
    #expect(outcome.status == 2 && outcome.output.isEmpty, "\(outcome)")
    #expect(outcome.errors.hasPrefix("error: \(message)\n"), "\(outcome.errors)")
    #expect(try program.names(in: ".") == ["db"])
  }

  @Test func `two words at once contradict each other`() async throws {
    let program = try await goodProject()
    let outcome = try await program.run("check", "--sign", "applied", "--undo", "applied")
    #expect(outcome.status == 2)
  }

  @Test func `nothing may be written with --read-only, but what is known is shown`() async throws {
    let program = try await goodProject()
    #expect(try await program.run("check", "--read-only").status == 4)
    #expect(try await program.run("check", "--read-only", "--known").status == 1)
  }

  @Test func `a backup that a run has taken is found`() async throws {
    let (program, _) = try await project([
      "db/migrations/001_notes.sql": Self.good,
      "lockstep.json": "{environments: {staging: {url_env: 'STAGING_URL', backup: true}}}",
    ])
    var staged = program
    staged.variables["STAGING_URL"] = program.variables["DATABASE_URL"]
    let list = ["check", "001", "-e", "staging", "--checklist", "deploying", "--item", "backup"]
    let before = try await staged.run(words: list)
    #expect(before.status == 1 && before.output.contains("? no backup was recorded\n"))
    #expect(try await staged.run("up", "-e", "staging").status == 0)
    let after = try await staged.run(words: list)
    #expect(after.status == 0, "\(after.output)\(after.errors)")
    #expect(after.output.contains("  ✓ backup "))
  }

  // MARK: Lists and reports

  @Test func `a team's own list is taken as it is`() async throws {
    let program = try await goodProject([
      "lockstep.json": "{checklist: \"docs/list.md\"}",
      "docs/list.md": """
      # Release
      ## Before
      - [x] Can be rolled back <!-- proof: rollback -->
      ## After
      - [ ] The **team** was told
      """,
    ])
    let outcome = try await program.run("check", "-q")
    #expect(
      outcome.lines.dropFirst() == [
        "001 notes  incomplete  1 of 2 settled",
        "  rehearsed: schema without rows, on the same server", "  Before",
        "  ✓ rollback           Can be rolled back", "  After",
        "  · the-team-was-told  The team was told  open",
        "incomplete   passed 1   open 1",
      ])
    #expect(outcome.lines[0].hasPrefix("Release  test_"))
    #expect(try await program.run("check", "--sign", "the-team-was-told").status == 0)
    // A list that is named wins; what was proven counts in each.
    let testing = try await program.run("check", "--checklist", "testing", "--known")
    #expect(testing.output.contains("  ✓ rollback "))
    try program.write("- [ ] a <!-- proof: rolback -->", to: "docs/list.md")
    let refused = try await program.run("check")
    #expect(refused.status == 2)
    #expect(
      refused.errors == """
        error: there is no proof "rolback"
          at:   docs/list.md:1
          next: did you mean <!-- proof: rollback -->?

        """)
  }

  @Test func `a report is written in the form of its file, and an entry added`() async throws {
    let program = try await goodProject()
    let outcome = try await program.run(
      "check", "--output", "reports/v.html", "--decision", "Notes for all", "--json")
    #expect(outcome.status == 1 && JSONValue(reading: outcome.lines[0]) != nil)
    #expect(
      outcome.errors.hasSuffix("wrote reports/v.html\nadded to docs/decisions.md\n"),
      "\(outcome.errors)")
    let html = try program.read("reports/v.html")
    #expect(html.hasPrefix("<!DOCTYPE html>\n") && html.hasSuffix("</body>\n</html>\n"))
    #expect(html.contains("<h1>Staging validation: incomplete</h1>"))
    _ = try await program.run("check", "--known", "--output", "reports/v.md", "--decision", "Again")
    #expect(try program.read("reports/v.md").hasPrefix("## Staging validation: incomplete\n"))
    let decisions = try program.read("docs/decisions.md")
    #expect(decisions.hasPrefix("# Decisions\n\n## 20"))
    #expect(decisions.contains(": Notes for all\n\n- **Staging validation**: incomplete\n"))
    #expect(decisions.split(separator: "\n").count { $0.hasPrefix("## ") } == 2)
    _ = try await program.run("check", "--known", "--output", "v.json")
    #expect(JSONValue(reading: try program.read("v.json")) != nil)
    let nowhere = try await program.run("check", "--known", "--output", "no/such/folder/v.md")
    #expect(
      nowhere.status == 1 && nowhere.errors.contains("\"no/such/folder/v.md\" cannot be written"))
  }

  @Test func `annotations and Markdown go to where a pipeline reads them`() async throws {
    let (program, _) = try await project(["db/migrations/001_bad.sql": Self.bad])
    let github = try await program.run("check", "--format", "github")
    #expect(github.status == 1)
    #expect(github.lines.allSatisfy { $0.hasPrefix("::") })
    #expect(
      github.output.contains(
        "::error file=db/migrations/001_bad.sql,title=Rolls back%2C and was seen to%3A failed::"))
    let asked = try await program.run("check", "--format", "github", "--item", "rollback")
    #expect(asked.status == 1 && asked.lines.count == 2)
    #expect(asked.lines[0].contains("title=Rolls back%2C and was seen to%3A failed::"))
    #expect(asked.lines[1].hasPrefix("::notice::"))
    let markdown = try await program.run("check", "--format", "markdown", "--known")
    #expect(markdown.lines.count { $0.hasPrefix("- [") } == 8)
  }

  @Test func `nothing pending is no fault`() async throws {
    let (program, _) = try await project(["db/migrations/README": ""])
    let outcome = try await program.run("check", "--layout", "dbmate")
    #expect(outcome.status == 0)
    #expect(
      outcome.output.hasSuffix("\nnothing is pending: name an applied migration to check it\n"))
  }

  @Test func `the journal in the database keeps and tells the same`() async throws {
    let (program, database) = try await project([
      "db/migrations/001_notes.sql": Self.good, "lockstep.json": "{journal: \"database\"}",
    ])
    _ = try await program.run(words: ["check"] + provable)
    #expect(
      try await database.rows("SELECT count(*) FROM lockstep.records WHERE kind = 'check'") == ["3"]
    )
    #expect(try await program.run("check", "--known").output.contains("  ✓ rollback "))
  }

  // MARK: Diagrams

  @Test func `a diagram is drawn in each form, and is what the checklist compares`() async throws {
    let program = try await goodProject()
    let mermaid = try await program.run("erd")
    #expect(
      mermaid.output
        == "erDiagram\n    \"users\" {\n        integer id PK\n        text name\n    }\n")
    #expect(
      try await program.run("erd", "--format", "text").output
        == "users\n  id    integer  PK\n  name  text\n")
    #expect(try await program.run("erd", "--format", "dot").output.hasPrefix("digraph schema {\n"))
    let json = try #require(JSONValue(reading: try await program.run("erd", "--json").output))
    #expect(json["tables"]?.wholeNumber == 1 && json["diagram"]?.text == mermaid.output)
    _ = try await program.run("up")
    #expect(try await program.run("erd", "--output", "docs/erd.mmd").status == 0)
    let check = ["check", "001", "--item", "documentation"]
    #expect(try await program.run(words: check).status == 0)
    try program.write("erDiagram\n", to: "docs/erd.mmd")
    let stale = try await program.run(words: check)
    #expect(stale.status == 1)
    #expect(
      stale.output.contains(
        "it is not that of the schema: write it anew with `lockstep erd --format mermaid`"
          + " where all is applied"))
  }
}

extension JSONValue {
  fileprivate var keys: [String]? {
    guard case .object(let members) = self else { return nil }
    return members.map(\.key)
  }
}
