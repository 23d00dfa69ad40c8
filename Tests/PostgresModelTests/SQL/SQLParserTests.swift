import PostgresModel
import Testing

@Suite struct SQLParserTests {
  private let parser = PgQueryParser()

  private func texts(_ sql: String) -> [String] {
    let bytes = Array(sql.utf8)
    return parser.parse(sql).statements.map { String(decoding: bytes[$0.range], as: UTF8.self) }
  }

  @Test func `statements are placed by the byte without the comments before them`() {
    let sql = "-- größe\nselect 'größe' ; /* ü */ create table ö () -- end\n"
    #expect(texts(sql) == ["select 'größe' ", "create table ö ()"])
    #expect(parser.parse(sql).statements.map(\.kind) == ["SelectStmt", "CreateStmt"])
  }

  @Test func `places in the tree are bytes of the script`() {
    let sql = "select 'ü'; create table tü (a int)"
    let relation = parser.parse(sql).statements[1].tree["relation"]
    let offset = relation["location"].integer ?? 0
    #expect(Array(sql.utf8)[offset...].starts(with: Array("tü".utf8)))
    #expect(relation["relname"].string == "tü")
  }

  @Test func `a mistake is placed by the byte`() {
    let sql = "select 'äöü𝄞', ; select 1"
    guard case .unknown(let message, let offset) = parser.parse(sql) else {
      Issue.record("was parsed")
      return
    }
    #expect(message == "syntax error at or near \";\"")
    #expect(offset == sql.utf8.count - "; select 1".utf8.count)
  }

  @Test func `a mistake at the end is placed behind the text`() {
    #expect(
      parser.parse("select ü from") == .unknown(message: "syntax error at end of input", offset: 14)
    )
  }

  @Test func `what a later version added is unknown`() {
    let sql = "create table t (a int, b int generated always as (a) virtual)"
    guard case .unknown = parser.parse(sql) else {
      Issue.record("was parsed")
      return
    }
  }

  @Test func `text behind a NUL is not silently dropped`() {
    #expect(
      parser.parse("select 1; \0 drop table t")
        == .unknown(message: "invalid byte 0x00", offset: 10))
  }

  @Test func `a script without statements is parsed into none`() {
    #expect(parser.parse("") == .parsed([]))
    #expect(parser.parse(" -- only this\n;;") == .parsed([]))
  }

  @Test func `the tree keeps what the statement says`() {
    let statement = parser.parse("create index concurrently if not exists \"I\" on s.t (a desc)")
      .statements[0]
    #expect(statement.kind == "IndexStmt")
    #expect(statement.tree["concurrent"].bool)
    #expect(statement.tree["unique"].bool == false)
    #expect(statement.tree["relation"]["schemaname"].string == "s")
    #expect(statement.tree["indexParams"][0]["IndexElem"]["ordering"].string == "SORTBY_DESC")
    #expect(statement.tree["nothing"]["there"][3].isNull)
  }
}

@Suite struct ParseTreeTests {
  @Test func `text with escapes is read as it was meant`() {
    let tree = ParseTree(json: #" {"a": "x\"y\\z\n\u0007ü", "b": [], "c": {}} "#)
    #expect(tree?["a"].string == "x\"y\\z\n\u{7}ü")
    #expect(tree?["b"] == .list([]))
    #expect(tree?["c"] == .object([]))
  }

  @Test func `numbers and words keep their kind`() {
    let tree = ParseTree(json: "[1, -2, 3.5, 12345678901234567890, true, false, null]")
    #expect(
      tree
        == .list([
          .integer(1), .integer(-2), .number("3.5"), .number("12345678901234567890"), .bool(true),
          .bool(false), .null,
        ]))
  }

  @Test(arguments: ["", "{", "[1,", "{\"a\"}", "\"open", "{\"a\":1,}", "x"])
  func `what is no JSON gives no tree`(_ json: String) {
    #expect(ParseTree(json: json) == nil)
  }

  @Test func `a walk meets parents first and leaves out what it is told to`() {
    let sql = "select a from (select b from u) x, t where c = 1"
    var all: [String] = []
    var shallow: [String] = []
    let statement = PgQueryParser().parse(sql).statements[0]
    statement.tree.walk { kind, fields in
      if kind == "RangeVar" { all.append(fields["relname"].string ?? "") }
      return .below
    }
    statement.tree.walk { kind, fields in
      if kind == "RangeVar" { shallow.append(fields["relname"].string ?? "") }
      return kind == "RangeSubselect" ? .past : .below
    }
    #expect(all == ["u", "t"])
    #expect(shallow == ["t"])
  }
}
