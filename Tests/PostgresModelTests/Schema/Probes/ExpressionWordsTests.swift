import PostgresModel
import Testing

@Suite struct ExpressionWordsTests {
  @Test func `constants and names of an expression are found`() {
    let words = ExpressionWords(
      "((\"Odd name\" >= '-5'::integer) AND (role = ANY (ARRAY['a'::text, 'it''s'::text])) AND n < 1.5)"
    )
    #expect(words.strings == ["-5", "a", "it's"])
    #expect(words.numbers == ["-5", "1.5"])
    #expect(words.columns(of: ["Odd name", "role", "n", "other"]) == ["Odd name", "role", "n"])
    #expect(!words.isLike && !words.matchesPattern)
  }

  @Test func `how a pattern is matched is told`() {
    #expect(ExpressionWords("a ~~ 'x%'").isLike)
    #expect(ExpressionWords("a !~~* 'x%'").isLike)
    #expect(ExpressionWords("a ~* '^x'").matchesPattern)
    #expect(ExpressionWords("a ~ E'^\\\\d'").strings == ["^\\d"])
  }

  @Test(arguments: [
    ("^[A-Z]{3}-[0-9]+$", "AAA-0"), ("^(a|bc)d?$", "a"), ("^\\d{2,}x*$", "11"),
    ("^[^@]+@[^@]+$", "x@x"), ("[[:upper:]]+", "A"), ("^\\+?[1-9]\\.x$", "1.x"), ("", ""),
  ])
  func `a text for a regular expression is made`(pattern: String, text: String) {
    #expect(PatternExample.texts(forRegex: pattern).first == text)
  }

  @Test func `a text for LIKE is made`() {
    #expect(PatternExample.texts(forLike: "a_%\\%") == ["axx%", "ax%"])
  }

  @Test func `candidates lie on both sides of a constant`() {
    let column = ColumnShape(name: "a", type: "integer", baseName: "int4", category: "N")
    let values = ValueCandidates(for: column, in: ["a > 10"], serial: 1).all
    #expect(values.contains("('10')::integer"))
    #expect(values.contains("('10'::numeric + 1)::integer"))
    #expect(values.contains("('10'::numeric - 1)::integer"))
  }

  @Test func `plain values of two rows differ`() {
    for (name, category) in [("int4", "N"), ("text", "S"), ("uuid", "U"), ("date", "D")] {
      let column = ColumnShape(name: "a", type: name, baseName: name, category: category)
      let values = (1...200).map { ValueCandidates(for: column, in: [], serial: $0).all.first }
      #expect(Set(values).count == 200, "\(name)")
    }
  }

  @Test func `a cast to a domain goes by way of its type`() {
    let column = ColumnShape(
      name: "a", type: "public.email", baseType: "text", baseName: "text", category: "S")
    #expect(column.literal("x") == "(('x')::text)::public.email")
  }
}
