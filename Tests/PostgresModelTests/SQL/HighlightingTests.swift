import Testing

@testable import PostgresModel

/// The parts of `sql` with their kinds, as `kind:text`.
private func parts(_ sql: String) -> [String] {
  let bytes = Array(sql.utf8)
  return SQLHighlighting.spans(in: sql).map {
    "\($0.kind):\(String(decoding: bytes[$0.range], as: UTF8.self))"
  }
}

@Suite struct HighlightingTests {
  @Test func `each part of a statement is told for what it is`() {
    let sql =
      "select \"A\", U&\"B\", tü::int + 1.5 -- größe\nfrom s.t where x = $1 and y <> E'\\'' /* ! */;"
    #expect(
      parts(sql) == [
        "keyword:select", "quotedIdentifier:\"A\"", "quotedIdentifier:U&\"B\"", "identifier:tü",
        "operation:::", "type:int", "operation:+", "number:1.5", "comment:-- größe", "keyword:from",
        "identifier:s", "identifier:t", "keyword:where", "identifier:x", "operation:=",
        "parameter:$1", "keyword:and", "identifier:y", "operation:<>", "string:E'\\''",
        "comment:/* ! */",
      ])
  }

  @Test func `text that the server's scanner refuses is cut by the own lexer`() {
    #expect(
      parts("select 1_000, 0xFF, name from t where a = 'open") == [
        "keyword:select", "number:1_000", "number:0xFF", "type:name", "keyword:from",
        "identifier:t",
        "keyword:where", "identifier:a", "operation:=", "string:'open",
      ])
    #expect(parts("select \0 1") == ["keyword:select", "number:1"])
  }

  @Test func `both ways of cutting agree where both can`() {
    let sql = """
      create table if not exists s.orders (id bigint primary key, name text default 'x', type int);
      alter table orders add column total numeric(10, 2) not null default 0; -- done
      select $tag$ body $tag$, b'01', x'ff', U&'x', $1, array[1, 2], a.b.c /* x */ from only t;
      create function f() returns void language plpgsql as $$ begin end $$;
      """
    // An open string at the end sends the same text down the other way.
    #expect(parts(sql + "'") == parts(sql) + ["string:'"])
  }

  @Test func `a word that may be a name is one beside a dot and before a type`() {
    #expect(
      parts("create table t (name text, type int, u.data)") == [
        "keyword:create", "keyword:table", "identifier:t", "identifier:name", "type:text",
        "identifier:type", "type:int", "identifier:u", "identifier:data",
      ])
  }

  @Test func `spans are in order and never overlap`() {
    let sql = "a<@b--c\n/*d*/'e'||$$f$$;;;\\i g"
    var last = 0
    for span in SQLHighlighting.spans(in: sql) {
      #expect(span.range.lowerBound >= last && !span.range.isEmpty)
      last = span.range.upperBound
    }
    #expect(last == sql.utf8.count)
    #expect(SQLHighlighting.spans(in: "") == [])
  }

  @Test func `the own key words are those of the server's scanner`() {
    for word in SQLKeywords.unreserved.union(SQLKeywords.reserved)
    where !SQLKeywords.types.contains(word) {
      #expect(parts(word) == ["keyword:\(word)"])
    }
  }
}
