import Diagnostics
import Testing

@Suite struct DiagnosticTests {
  @Test func `a diagnostic is printed as what, where and next, in the project's form`() {
    let diagnostic = Diagnostic.error(
      code: "sql_error",
      #"migration 0007_orders_index failed: relation "orders" does not exist"#,
      details: [.init("hint", "check the name")],
      at: SourceLocation(file: "db/migrations/0007_orders_index.sql", line: 14, column: 22),
      next: "create \"orders\" first; nothing of 0007 was applied", sqlstate: "42P01")
    #expect(
      diagnostic.description == """
        error: migration 0007_orders_index failed: relation "orders" does not exist (SQLSTATE 42P01)
          hint: check the name
          at:   db/migrations/0007_orders_index.sql:14:22
          next: create "orders" first; nothing of 0007 was applied
        """)
  }

  @Test func `a text of several lines keeps its labels readable`() {
    let diagnostic = Diagnostic(
      .error, code: "sql_error", "it failed",
      details: [.init("context", "line one\nline two")])
    #expect(
      diagnostic.description == """
        error: it failed
          context: line one
                line two
        """)
  }

  @Test func `an error that cannot explain itself is still told`() {
    struct Odd: Error {}
    #expect(Diagnostic(explaining: Odd()).code == "unexpected")
  }

  @Test func `severities are ordered from note to error`() {
    #expect(Diagnostic.Severity.note < .warning)
    #expect(Diagnostic.Severity.warning < .error)
  }
}

@Suite struct NearestTests {
  @Test(arguments: [
    ("staus", "status"), ("migrte", "migrate"), ("dwon", "down"), ("--jsn", "--json"),
  ]) func `a slip of the pen finds the word that was meant`(typed: String, meant: String) {
    #expect(nearest(to: typed, among: ["status", "migrate", "down", "--json", "up"]) == meant)
  }

  @Test func `a word that is near nothing proposes nothing`() {
    #expect(nearest(to: "elephant", among: ["status", "up", "down"]) == nil)
  }
}
