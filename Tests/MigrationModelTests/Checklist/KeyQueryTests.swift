import Diagnostics
import MigrationModel
import PostgresModel
import Testing

/// The files beside the migrations that checks are made with.
@Suite struct KeyQueryTests {
  private func refusal(_ text: String) -> Diagnostic? {
    do {
      _ = try KeyQuery(text, file: "db/key/q.sql")
      return nil
    } catch {
      return error.diagnostic
    }
  }

  @Test func `a file is a query with what it may cost`() throws {
    let query = try KeyQuery(
      """
      -- The orders of a customer.
      -- budget: 50 ms
      --  BUDGET_BUFFERS: 1000
      -- params: 42, 'a, b'
      SELECT * FROM orders WHERE customer = $1;
      """, file: "db/key/by_customer.sql")
    #expect(query.name == "by_customer")
    #expect(query.sql == "SELECT * FROM orders WHERE customer = $1")
    #expect(query.budgetMilliseconds == 50 && query.budgetBuffers == 1000)
    #expect(query.parameters == "42, 'a, b'")
  }

  @Test(arguments: [("500us", 0.5), ("2s", 2000), ("1.5 min", 90_000), ("20ms", 20)])
  func `a budget is a time with its unit`(text: String, milliseconds: Double) throws {
    let query = try KeyQuery("-- budget: \(text)\nSELECT 1", file: "q.sql")
    #expect(query.budgetMilliseconds == milliseconds)
  }

  @Test func `what cannot be read is refused with its line`() {
    #expect(
      refusal("SELECT 1;\n-- budget: soon\n")?.description == """
        error: a budget is a time such as 50ms or 2s, and not "soon"
          at:   db/key/q.sql:2
          next: write -- budget: 50ms
        """)
    #expect(refusal("-- budget_buffers: -1\nSELECT 1")?.next == "write -- budget_buffers: 1000")
    #expect(
      refusal("SELECT 1; SELECT 2")?.what
        == "a key query is one statement, and \"db/key/q.sql\" holds 2")
    #expect(refusal("-- nothing\n")?.what.hasSuffix("holds 0") == true)
  }

  @Test(arguments: ["1); DROP TABLE a; SELECT (2", "1 +", "", "1) ; SELECT (1"])
  func `parameters are one list of values and nothing else`(text: String) {
    #expect(refusal("-- params: \(text)\nSELECT 1")?.code == "configuration")
  }
}

/// Dump and diagram against the schema.
@Suite struct DocumentationTrialsTests {
  private let dump =
    "--\n-- Dumped\n--\nSET a = 1;\n\\restrict x\n\nCREATE TABLE a (\n    id integer\n);\n"

  @Test func `a dump is compared by what it says of the schema`() {
    let other = "SET b = 2;\nCREATE TABLE a (\n    id integer\n);\n\n\n"
    #expect(
      DocumentationTrials.ofDump(committed: other, dump: dump, file: "db/schema.sql").outcome
        == .proven)
    let changed = DocumentationTrials.ofDump(
      committed: other.split(separator: "\n").joined(separator: "\n") + "\nCREATE TABLE b ();",
      dump: dump, file: "db/schema.sql")
    #expect(changed.outcome == .refuted)
    #expect(changed.evidence.map(\.text).contains("  - CREATE TABLE b ();"))
  }

  @Test func `no file is refuted, no schema to compare with is not proven`() {
    #expect(DocumentationTrials.ofDump(committed: nil, dump: dump, file: "s").outcome == .refuted)
    #expect(DocumentationTrials.ofDump(committed: dump, dump: nil, file: "s").outcome == .notProven)
    #expect(
      DocumentationTrials.ofDiagram(committed: nil, snapshot: nil, file: "s").outcome == .refuted)
    #expect(
      DocumentationTrials.ofDiagram(committed: "", snapshot: nil, file: "s").outcome == .notProven)
  }

  @Test func `a diagram is compared in the form of its file`() {
    let snapshot = SchemaSnapshot([
      SchemaFact("table", "public.a"), SchemaFact("column", "public.a.id", "", "public.a"),
      SchemaFact("column", "public.a.id", "type", "integer"),
    ])
    let diagram = ERDiagram(snapshot)
    for (file, text) in [
      ("erd.mmd", diagram.mermaid), ("erd.dot", diagram.dot), ("erd.txt", diagram.text),
      ("erd.md", "# Schema\n\n```mermaid\n\(diagram.mermaid)```\n\nwords\n"),
    ] {
      let trial = DocumentationTrials.ofDiagram(committed: text, snapshot: snapshot, file: file)
      #expect(trial.outcome == .proven, "\(file)")
      let stale = DocumentationTrials.ofDiagram(
        committed: text.split(separator: "\n").map { $0.contains("integer") ? "x" : "\($0)" }
          .joined(separator: "\n"), snapshot: snapshot, file: file)
      #expect(stale.outcome == .refuted, "\(file)")
    }
  }

  @Test func `comments on what is new are counted`() {
    let after = [
      SchemaFact("table", "public.a"), SchemaFact("column", "public.a.b", "", "public.a"),
      SchemaFact("column", "public.a.c", "", "public.a"),
      SchemaFact("comment", "table public.a"), SchemaFact("comment", "table column public.a.b"),
    ]
    let changes = SchemaDiff(from: SchemaSnapshot([]), to: SchemaSnapshot(after)).changes
    #expect(
      DocumentationTrials.commentCoverage(changes, after: SchemaSnapshot(after))?.text
        == "comments on 1 of 1 new tables and 1 of 2 new columns")
    #expect(DocumentationTrials.commentCoverage([], after: SchemaSnapshot(after)) == nil)
  }
}
