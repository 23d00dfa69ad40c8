import PostgresModel
import Testing

@Suite struct InstantTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"),
    (1_767_960_000_000_000, "2026-01-09T12:00:00Z"),
    (951_782_400_000_000, "2000-02-29T00:00:00Z"),
    (-1, "1969-12-31T23:59:59.999999Z"),
    (4_107_542_400_000_000, "2100-03-01T00:00:00Z"),
  ]) func `a moment is written in ISO 8601, in UTC`(microseconds: Int64, text: String) {
    #expect(Instant(microseconds: microseconds).iso8601 == text)
  }

  @Test func `a moment gives a version of fourteen digits`() {
    #expect(Instant(microseconds: 1_767_960_000_000_000).versionText == "20260109120000")
  }
}

@Suite struct SQLTextTests {
  @Test func `identifiers and literals are quoted as libpq does`() {
    #expect(SQLText.identifier("a\"b") == "\"a\"\"b\"")
    #expect(SQLText.literal("it's") == "'it''s'")
    #expect(SQLText.literal("a\\b'c") == " E'a\\\\b''c'")
    // With an accent behind it, it is another character, and to the server the same quote.
    let literal = SQLText.literal("a'\u{301}b")
    #expect(Array(literal.unicodeScalars) == Array("'a''\u{301}b'".unicodeScalars))
  }

  @Test func `a qualified name is read with and without its schema and quotes`() {
    #expect(QualifiedName(parsing: "history") == QualifiedName("history"))
    #expect(QualifiedName(parsing: "app.history") == QualifiedName(schema: "app", "history"))
    #expect(QualifiedName(parsing: "\"A\"\"b\".t").schema == "A\"b")
    #expect(QualifiedName(schema: "app", "t").sql == "\"app\".\"t\"")
  }
}
