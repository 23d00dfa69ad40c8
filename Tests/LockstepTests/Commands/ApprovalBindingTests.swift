import TestSupport
import Testing

@testable import lockstep

/// What an approval is bound to: whatever of it is another, or cannot be told, keeps a run out.
@Suite(.fewAtOnce, .timeLimit(.minutes(20))) struct ApprovalBindingTests {
  private func run(_ program: Program, _ words: String...) async throws -> Program.Outcome {
    try await program.run(words: words)
  }

  @Test func `a database that is dropped and made anew needs its own approval`() async throws {
    let (program, database) = try await ProtectedProject.make()
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    for deed in ["drop", "create"] {
      _ = try await database.server.withConnection(to: "postgres") {
        try await $0.execute("\(deed) database \(database.name)")
      }
    }
    let outcome = try await run(program, "up")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.contains(
        "\n  001:  no longer: the database was made anew since: its number was "),
      "\(outcome.errors)")
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    #expect(try await run(program, "up").status == 0)
  }

  @Test func `another history table needs its own approval`() async throws {
    let (program, _) = try await ProtectedProject.make()
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    #expect(try await run(program, "up").status == 0)
    // Everything is pending there, and everything was approved once.
    let outcome = try await run(program, "up", "--table", "public.other")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.contains(
        "\n  001:  no longer: it was approved for the history in public.schema_migrations, and this is"
          + " public.other\n"), "\(outcome.errors)")
  }

  @Test func `a line of the journal that is damaged keeps approvals from holding`() async throws {
    let (program, _) = try await ProtectedProject.make()
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    try program.write(
      #"{"kind":"approval","act":"revoked","id":"20"# + "\n",
      to: ".lockstep/journal-20990101-torn.jsonl")
    let outcome = try await run(program, "up")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.hasSuffix(
        """
        error: whether the approval was taken back cannot be told: line 1 of the journal "./.lockstep/journal-20990101-torn.jsonl" is no record and passed over
          next: put it right, or take it out; nothing was done

        """), "\(outcome.errors)")
    try program.write("", to: ".lockstep/journal-20990101-torn.jsonl")
    #expect(try await run(program, "up").status == 0)
  }

  @Test func `what cannot be taken back for everybody is not taken back in silence`() async throws {
    let (program, database) = try await ProtectedProject.make(journal: "database")
    #expect(try await run(program, "approve", "--by", "rita").status == 0)
    let role = "r_\(database.name)"
    // It gets the session in which it reads, and none in which it could write.
    try await database.execute(
      """
      create role \(role) login connection limit 1;
      grant usage on schema lockstep to \(role);
      grant select, insert on lockstep.records to \(role);
      """)
    let outcome = try await run(
      program, "approve", "-e", "live", "--revoke", "--url", "\(database.url)&user=\(role)")
    #expect(outcome.status != 0)
    #expect(
      outcome.errors.hasSuffix(
        """
        error: the journal in the database cannot be reached, and everybody else reads that one
          next: mend that and say it again; nothing was approved, and nothing was run

        """), "\(outcome.errors)")
    #expect(try await run(program, "approve", "--list").output.contains("\n  holds"))
  }
}
