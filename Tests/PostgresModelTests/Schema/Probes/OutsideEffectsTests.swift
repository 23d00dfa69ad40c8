import PostgresModel
import Testing

@Suite struct OutsideEffectsTests {
  private func function(
    _ oid: Int64, _ name: String, _ source: String, language: String = "plpgsql",
    isTrusted: Bool = true
  ) -> OutsideEffects.Function {
    .init(oid: oid, name: name, language: language, isTrusted: isTrusted, source: source)
  }

  @Test func `what reaches outside is found, by way of others as well`() {
    let effects = OutsideEffects([
      function(1, "calm", "begin perform pg_notify('a', 'b'); return new; end"),
      function(2, "direct", "begin perform dblink_exec('x', 'y'); return new; end"),
      function(3, "by_way", "begin perform public.direct(); return new; end"),
      function(4, "further", "begin execute 'select by_way()'; end"),
      function(5, "copies", "begin copy t to program 'cat'; end"),
      function(6, "foreign", "pass", language: "plpython3u", isTrusted: false),
      function(7, "posts", "begin perform net.http_post('x'); end"),
    ])
    #expect(effects.reasons.keys.sorted() == [2, 3, 4, 5, 6, 7])
    #expect(effects.reasons[2] == "it calls dblink_exec")
    #expect(effects.reasons[3] == "it calls direct, and it calls dblink_exec")
    #expect(effects.reasons[5] == "it runs a program by COPY")
    #expect(effects.reasons[6] == "plpython3u may do anything on the server's machine")
  }
}
