import Canvas
import EventLoop
import TestSupport
import Testing

@testable import lockstep

/// Protected environments, as a person and a script meet them.
@Suite(.fewAtOnce, .timeLimit(.minutes(20))) struct ApprovalCommandTests {
  private func run(_ program: Program, _ words: String...) async throws -> Program.Outcome {
    try await program.run(words: words)
  }

  // MARK: Approving

  @Test(arguments: ["file", "database"])
  func `what a pipeline approves by name may run, and is kept as unattended`(
    _ journal: String
  ) async throws {
    let (program, database) = try await ProtectedProject.make(journal: journal)
    let refused = try await run(program, "up", "--yes")
    #expect(refused.status == 4)
    #expect(
      refused.errors.contains(
        """
        error: environment "live" is protected, and this is not approved
          from: the same database as environments.live.url at lockstep.json:1:55
          001:  nobody has approved it
          002:  nobody has approved it
          next: have it looked at and approved: `lockstep approve -e live`; nothing was done

        """.replacing(":1:55", with: refused.place)), "\(refused.errors)")
    let approved = try await run(program, "approve", "-e", "live", "--by", "rita", "--json")
    #expect(approved.status == 0, "\(approved.errors)")
    #expect(approved.output.contains(#""act":"approved_unattended""#))
    #expect(approved.output.contains(#""by":"rita""#))
    #expect(
      try await database.rows("select to_regclass('lockstep.records') is not null")
        == [journal == "database" ? "t" : "f"])
    let up = try await run(program, "up")
    #expect(up.status == 0, "\(up.errors)")
    #expect(up.errors.contains("[x] approved by a person: approved by rita\n"))
    #expect(up.lines.last?.hasPrefix("applied 002_note in ") == true)
    // The same holds for the way back.
    #expect(try await run(program, "down", "--yes").status == 0)
  }

  @Test func `nobody there and nobody named is no approval, whatever --yes says`() async throws {
    let (program, _) = try await ProtectedProject.make()
    let outcome = try await run(program, "approve", "--yes")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.hasSuffix(
        """
        error: nobody is there to approve it: standard input is no terminal
          next: run it on a terminal; in a pipeline that has its own approvals name who answers for it: --by NAME; nothing was approved

        """), "\(outcome.errors)")
    #expect(try await run(program, "up", "--yes").status == 4)
  }

  @Test func `the plan is shown before it is approved`() async throws {
    let (program, database) = try await ProtectedProject.make()
    let sheet = try await run(program, "approve", "--by", "rita").errors
    #expect(sheet.hasPrefix("environment live: \"\(database.name)\" on /"))
    #expect(sheet.contains("\napply 001_orders\n  migrations/001_orders.sql  SHA-256 "))
    #expect(sheet.contains("\nthe SQL: lockstep up -e live --dry-run\n"))
    #expect(
      sheet.contains("\napproved by rita\nit is kept in ./.lockstep: commit it where it is run"))
    let again = try await run(program, "approve", "--by", "bob")
    #expect(again.status == 0)
    #expect(again.errors.hasSuffix("\napproved by rita already; nothing was changed\n"))
  }

  @Test func `on a terminal the environment's name is typed`() async throws {
    let (program, _) = try await ProtectedProject.make()
    func start() throws -> TerminalEmulator {
      let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, program.folder, try Program.path()]
      return try TerminalEmulator(
        shell + ["approve", "-e", "live", "--by", "Rita"],
        environment: ["HOME": program.folder, "NO_COLOR": "1"], size: Size(columns: 150, rows: 40))
    }
    let wrong = try start()
    #expect(wrong.wait(for: "Type live to go on:"), "\(wrong.text)")
    wrong.send("yes\n")
    #expect(wrong.waitForExit() == .exited(4))
    #expect(wrong.text.contains("nothing was approved"), "\(wrong.text)")
    #expect(try await run(program, "up").status == 4)
    let right = try start()
    #expect(right.wait(for: "Type live to go on:"), "\(right.text)")
    right.send("live\n")
    #expect(right.waitForExit() == .exited(0))
    #expect(right.text.contains("approved by Rita"), "\(right.text)")
    #expect(try await run(program, "up").status == 0)
  }

  @Test func `a file that changes voids the approval`() async throws {
    let (program, database) = try await ProtectedProject.make()
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    try program.write(
      "-- migrate:up\ncreate table orders (id bigint);\n-- migrate:down\ndrop table orders;\n",
      to: "migrations/001_orders.sql")
    let outcome = try await run(program, "up")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.contains("  001:  no longer: its files have changed since: SHA-256 "),
      "\(outcome.errors)")
    #expect(try await database.rows("select to_regclass('orders') is null") == ["t"])
    let list = try await run(program, "approve", "--list")
    #expect(list.output.contains("\n  void: 001: its files have changed since: "), "\(list.output)")
  }

  @Test func `another database needs its own approval`() async throws {
    let (program, _) = try await ProtectedProject.make()
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    let other = try await TestServer.shared.makeDatabase()
    let outcome = try await run(program, "up", "-e", "live", "--url", other.url)
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.contains("\n  001:  no longer: it was approved for \""), "\(outcome.errors)")
  }

  @Test func `what is taken back no longer holds, and all of it can be read`() async throws {
    let (program, _) = try await ProtectedProject.make()
    #expect(try await run(program, "approve", "--by", "rita", "--to", "001").status == 0)
    #expect(try await run(program, "up", "--to", "001").status == 0)
    #expect(try await run(program, "up").status == 4)
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    let revoked = try await run(
      program, "approve", "--revoke", "--by", "bob", "--reason", "not on a Friday")
    #expect(revoked.errors.hasSuffix("taken back: 2 approvals\n"), "\(revoked.errors)")
    let outcome = try await run(program, "up")
    #expect(outcome.status == 4)
    #expect(outcome.errors.contains("\n  002:  no longer: bob took it back 20"))
    #expect(outcome.errors.contains(" UTC: not on a Friday\n"))
    let list = try await run(program, "approve", "--list", "--json").output
    #expect(list.hasPrefix(#"{"approvals":[{"kind":"approval","act":"approved_unattended""#))
    #expect(list.contains(#""holds":false"#) && list.contains(#""revoked_by":"bob""#))
  }

  @Test func `who has written a file cannot approve it where that is asked for`() async throws {
    let (program, _) = try await ProtectedProject.make("approval: {other_than_author: true}")
    let unknown = try await run(program, "approve", "--by", "rita")
    #expect(unknown.status == 4)
    #expect(
      unknown.errors.contains("error: who wrote 001_orders is not known"), "\(unknown.errors)")
    let git = """
      cd "$0" && git init -q && git -c user.name='Ann Author' -c user.email=ann@example.org add . \
        && git -c user.name='Ann Author' -c user.email=ann@example.org commit -qm first
      """
    let made = try ChildProcess(["/bin/sh", "-c", git, program.folder]).runBlocking()
    #expect(made.status == 0, "\(made.errorText)")
    let own = try await run(program, "approve", "--by", "ann author")
    #expect(own.status == 4)
    #expect(
      own.errors.contains(
        "error: 001_orders was written by Ann Author <ann@example.org>, who cannot approve it"),
      "\(own.errors)")
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    #expect(try await run(program, "up").status == 0)
  }

  @Test func `glass is broken where that is allowed, and it is kept`() async throws {
    let (strict, _) = try await ProtectedProject.make()
    let no = try await run(strict, "up", "--break-glass", "the site is down")
    #expect(no.status == 4)
    #expect(
      no.errors.contains(
        "error: environment \"live\" does not allow to pass over its approval\n"), "\(no.errors)")
    let (program, database) = try await ProtectedProject.make("approval: {break_glass: true}")
    let outcome = try await run(program, "up", "--break-glass", "the site is down")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("warning: all approvals of environment \"live\" are passed over by"))
    #expect(try await database.rows("select to_regclass('orders') is not null") == ["t"])
    let list = try await run(program, "approve", "--list").output
    #expect(list.contains(": the site is down  for \""), "\(list)")
    // It was for that run alone.
    let down = try await run(program, "down", "--yes")
    #expect(down.status == 4)
    #expect(
      down.errors.contains("in an emergency `--break-glass REASON` passes over it and is recorded"))
    #expect(try await run(program, "up", "--break-glass", " ").status == 2)
  }

  @Test func `a migration is validated first where that is asked for`() async throws {
    let (program, _) = try await ProtectedProject.make("validated_on: 'staging'")
    let outcome = try await run(program, "approve", "--by", "rita")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.contains("error: 2 migrations are not validated on \"staging\"\n"),
      "\(outcome.errors)")
    try program.signAll(of: ["001_orders", "002_note"], on: "staging")
    let approved = try await run(program, "approve", "--by", "rita")
    #expect(approved.status == 0, "\(approved.errors)")
    #expect(approved.errors.contains("[x] validated on staging: every item is settled"))
    // Evidence that changes voids the approval.
    try program.signAll(of: ["001_orders"], on: "staging", note: "seen otherwise", day: "20260502")
    let void = try await run(program, "up")
    #expect(void.status == 4)
    #expect(
      void.errors.contains("\n  001:  no longer: its evidence on staging has changed since\n"),
      "\(void.errors)")
  }

  @Test func `where each database keeps its own journal, staging's is read for what was validated`()
    async throws
  {
    let staging = try await TestServer.shared.makeDatabase()
    let (program, database) = try await ProtectedProject.make(
      "validated_on: 'staging'}, staging: {url: '\(staging.url)'", journal: "database")
    let url = database.url + "&options=-csearch_path%3Dpublic"
    #expect(try await run(program, "approve", "-e", "live", "--by", "rita").status == 4)
    var values: [String] = []
    try program.signAll(of: ["001_orders", "002_note"], on: "staging")
    for line in try program.read(".lockstep/journal-20260501-signed.jsonl").split(separator: "\n") {
      values.append("('check', '\(line)')")
    }
    try program.write("", to: ".lockstep/journal-20260501-signed.jsonl")
    try await staging.execute(
      """
      create schema lockstep;
      create table lockstep.records (at timestamptz not null default clock_timestamp(),
        kind text not null, run text, version text, record jsonb not null);
      insert into lockstep.records (kind, record) values \(values.joined(separator: ", "))
      """)
    let approved = try await run(program, "approve", "-e", "live", "--url", url, "--by", "rita")
    #expect(approved.status == 0, "\(approved.errors)")
    #expect(try await run(program, "up", "-e", "live").status == 0)
  }

  @Test func `the project's own checklist is what counts where there is one`() async throws {
    let (program, _) = try await ProtectedProject.make("validated_on: 'staging'")
    try program.signAll(of: ["001_orders", "002_note"], on: "staging")
    let text = try program.read("lockstep.json")
    try program.write("# Ours\n\n- [ ] The team knows\n", to: "docs/list.md")
    try program.write("{checklist: 'docs/list.md', " + text.dropFirst(), to: "lockstep.json")
    let open = try await run(program, "approve", "--by", "rita")
    #expect(open.status == 4)
    #expect(open.errors.contains("0 of 1 settled; left: The team knows\n"), "\(open.errors)")
    try program.write("{checklist: 'docs/none.md', " + text.dropFirst(), to: "lockstep.json")
    let none = try await run(program, "approve", "--by", "rita")
    #expect(none.status != 0)
    #expect(none.errors.contains("docs/none.md"), "\(none.errors)")
  }

  @Test func `which environment is meant is asked, not guessed`() async throws {
    let (program, _) = try await ProtectedProject.make()
    let other = try await TestServer.shared.makeDatabase()
    let outcome = try await run(program, "approve", "--url", other.url, "--by", "rita")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == """
        error: no environment is named
          next: name the one that is meant: --env live

        """)
  }

  // MARK: Telling

  @Test func `a dry run shows the gates, for people and scripts`() async throws {
    let (program, _) = try await ProtectedProject.make("backup: true, health: {sql: 'select 1'}")
    let dry = try await run(program, "up", "--dry-run")
    #expect(dry.status == 0)
    #expect(
      dry.output.hasPrefix(
        "-- [ ] approved by a person: environment \"live\" is protected, and this"),
      "\(dry.output)")
    #expect(
      dry.output.contains("\n-- [x] a backup can be taken: it is taken before anything runs\n"))
    #expect(
      dry.output.contains("\n-- [x] a health check is set: it is asked after everything has run\n"))
    let json = try await run(program, "up", "--dry-run", "--json").output
    #expect(
      json.hasPrefix(
        #"{"dry_run":true,"gates":[{"id":"validated","title":"validated","state":"not_asked","reason":null,"evidence":[]},{"id":"approval","#
      ), "\(json)")
    #expect(json.contains(#"{"id":"backup","title":"a backup can be taken","state":"open""#))
  }

  @Test func `status says whether what is pending is approved`() async throws {
    let (program, _) = try await ProtectedProject.make()
    let before = try await run(program, "status")
    #expect(
      before.output.hasSuffix(
        "\n[ ] approved by a person: environment \"live\" is protected, and this is not approved\n"),
      "\(before.output)")
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    #expect(
      try await run(program, "status").output.hasSuffix(
        "\n[x] approved by a person: approved by rita\n"))
    let json = try await run(program, "status", "--json").output
    #expect(
      json.contains(
        #"{"id":"approval","title":"approved by a person","state":"open","reason":"approved by rita""#
      ))
  }

  @Test func `an environment that is not protected has nothing to approve`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(ProtectedProject.files, url: database.url)
    let outcome = try await run(program, "approve")
    #expect(outcome.status == 0)
    #expect(
      outcome.errors == "nothing has to be approved: the environment is not protected\n")
    let glass = try await run(program, "up", "--break-glass", "x")
    #expect(glass.status == 4)
  }
}

extension Program.Outcome {
  /// Where the environment's URL stands, as the message has it.
  fileprivate var place: String {
    guard let start = errors.firstRange(of: "lockstep.json:")?.upperBound else { return "" }
    return ":" + errors[start...].prefix { $0 != "\n" }
  }
}

extension Program {
  /// Writes a person's word on every item of the checklist into the journal.
  fileprivate func signAll(
    of names: [String], on environment: String, note: String = "seen", day: String = "20260501"
  ) throws {
    let items = [
      "applied", "indexes", "constraints", "triggers", "performance", "rollback", "contract",
      "documentation",
    ]
    var lines = ""
    for name in names {
      let sum = try ChildProcess(["sha256sum", "\(folder)/migrations/\(name).sql"]).runBlocking()
      let checksum = String(decoding: sum.output, as: UTF8.self).prefix(64)
      for item in items {
        lines +=
          #"{"kind":"check","at":"2026-05-\#(day.suffix(2))T10:00:00Z","by":"me","version":"\#(name.prefix(3))","#
          + #""checksum":"\#(checksum)","environment":"\#(environment)","item":"\#(item)","#
          + #""act":"signed","text":"\#(note)","evidence":null,"database":"stage","server":"x","#
          + #""system":null}"# + "\n"
      }
    }
    try write(lines, to: ".lockstep/journal-\(day)-signed.jsonl")
  }
}
