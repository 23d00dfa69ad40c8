import PostgresModel
import Testing

@Suite struct SchemaDiffTests {
  private func diff(_ old: [SchemaFact], _ new: [SchemaFact]) -> SchemaDiff {
    SchemaDiff(from: SchemaSnapshot(old), to: SchemaSnapshot(new))
  }

  private func breakage(_ old: [SchemaFact], _ new: [SchemaFact]) -> [SchemaDiff.Breakage] {
    diff(old, new).changes.map(\.breaks)
  }

  private let users = SchemaFact("table", "app.users")
  private func column(_ name: String, _ properties: [String: String] = [:]) -> [SchemaFact] {
    [SchemaFact("column", "app.users.\(name)", "", "app.users")]
      + properties.map { SchemaFact("column", "app.users.\(name)", $0.key, $0.value) }
  }

  @Test func `the order of the facts makes no difference`() {
    let facts = [users] + column("a", ["type": "text"]) + column("b", ["type": "text"])
    let found = diff(facts, facts.reversed())
    #expect(found.verdict == .identical)
    #expect(SchemaSnapshot(facts).digestText == SchemaSnapshot(facts.reversed()).digestText)
  }

  @Test func `an object that came or went is one change, whatever is told of it`() {
    let more = column("a", ["type": "text", "not null": "yes", "default": "1"])
    #expect(diff([users], [users] + more).changes.map(\.action) == [.added])
    #expect(diff([users] + more, [users]).changes.map(\.action) == [.dropped])
  }

  @Test func `only places and holes make two databases equivalent`() {
    let old = column("a", ["place": "1", "type": "text"])
    #expect(diff(old, column("a", ["place": "2", "type": "text"])).verdict == .equivalent)
    #expect(diff(old, column("a", ["place": "2", "type": "int"])).verdict == .different)
  }

  @Test func `a change tells what was and what is`() {
    let change = diff(column("a", ["type": "int"]), column("a", ["type": "text"])).changes.first
    #expect(change?.action == .changed)
    #expect(change?.before == "int" && change?.after == "text")
  }

  @Test func `a column that everybody has to fill breaks writers, one with a default does not`() {
    let required = column("a", ["type": "text", "not null": "yes"])
    #expect(breakage([users], [users] + required) == [.writers])
    let filled = column("a", ["type": "text", "not null": "yes", "default": "1"])
    #expect(breakage([users], [users] + filled) == [[]])
    #expect(breakage([users], [users] + column("a", ["type": "text"])) == [[]])
    // Of a new table nobody knew anything.
    #expect(breakage([], [users] + required) == [[], []])
  }

  @Test func `what goes breaks those who used it`() {
    #expect(breakage(column("a"), []) == [[.readers, .writers]])
    #expect(breakage([SchemaFact("view", "v")], []) == [.readers])
    #expect(breakage([SchemaFact("index", "i", "", "app.users")], []) == [.writers])
  }

  @Test func `a wider text breaks nobody, a narrower one does`() {
    func type(_ text: String) -> [SchemaFact] { column("a", ["type": text]) }
    #expect(breakage(type("character varying(4)"), type("character varying(8)")) == [[]])
    #expect(breakage(type("character varying(4)"), type("text")) == [[]])
    #expect(
      breakage(type("character varying(8)"), type("character varying(4)")) == [
        [.readers, .writers]
      ])
  }

  @Test func `new rules bind writers, a lost grant binds who had it`() {
    let check = SchemaFact("constraint", "app.users.c", "", "app.users")
    #expect(breakage([users], [users, check]) == [.writers])
    let unique = [
      SchemaFact("index", "app.i", "", "app.users"),
      SchemaFact("index", "app.i", "definition", "CREATE UNIQUE INDEX i ON app.users (a)"),
    ]
    #expect(breakage([users], [users] + unique) == [.writers])
    func grants(_ text: String) -> [SchemaFact] {
      [SchemaFact("table", "app.users", "privileges", text)]
    }
    #expect(
      breakage(grants("bob=INSERT,SELECT/ada"), grants("bob=SELECT/ada")) == [.writers])
    #expect(breakage(grants("bob=SELECT/ada"), grants("bob=INSERT,SELECT/ada")) == [[]])
  }

  @Test func `labels that are added break nobody, those that go do`() {
    func labels(_ text: String) -> [SchemaFact] { [SchemaFact("type", "app.m", "labels", text)] }
    #expect(breakage(labels("'a','b'"), labels("'a','x','b'")) == [[]])
    #expect(breakage(labels("'a','b'"), labels("'b','a'")) == [[.readers, .writers]])
  }
}
