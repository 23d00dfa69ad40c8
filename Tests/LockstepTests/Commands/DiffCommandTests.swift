import JSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20)), .fewAtOnce) struct DiffCommandTests {
  private func databases(_ first: String, _ second: String) async throws -> [TestDatabase] {
    let pair = [
      try await TestServer.shared.makeDatabase(), try await TestServer.shared.makeDatabase(),
    ]
    try await pair[0].execute(first)
    try await pair[1].execute(second)
    return pair
  }

  @Test func `what one database has and the other has not is told with whom it breaks`()
    async throws
  {
    let pair = try await databases(
      "create table users (id int primary key, name text)",
      """
      create table users (id int primary key, name text not null, email text);
      create table orders (id int)
      """)
    let told = try await Program(url: pair[0].url).run("diff", pair[1].url, "--summary")
    #expect(told.status == 0, "\(told.errors)")
    #expect(told.lines.first?.contains("\(pair[0].name) -> \(pair[1].name)  different") == true)
    #expect(told.output.contains("+ table public.orders"))
    #expect(told.output.contains("+ column public.users.email"))
    #expect(told.output.contains("~ column public.users.name"))
    let both = try await Program().run("diff", pair[0].url, pair[1].url, "--summary", "--exit-code")
    #expect(both.status == 1)
    #expect(both.output == told.output)
  }

  @Test func `copies are identical, and history tables do not count`() async throws {
    let table = "create table users (id int primary key)"
    let pair = try await databases(
      table, table + "; create table schema_migrations (version varchar primary key)")
    let told = try await Program(url: pair[0].url).run(
      "diff", pair[1].url, "--summary", "--exit-code", "--json")
    #expect(told.status == 0, "\(told.errors)")
    let json = try #require(JSONValue(reading: told.output))
    #expect(json["verdict"]?.text == "identical")
    #expect(json["changes"]?.elements?.count == 0)
    #expect(json["from"]?["checksum"] == json["to"]?["checksum"])
  }

  @Test func `places of columns are told, and make no difference to a pipeline`() async throws {
    let pair = try await databases(
      "create table users (id int, name text)",
      """
      create table users (id int, name text);
      alter table users drop column id; alter table users add column id int
      """)
    let told = try await Program(url: pair[0].url).run(
      "diff", pair[1].url, "--summary", "--exit-code")
    #expect(told.status == 0)
    #expect(told.lines.first?.contains("equivalent: no statement can tell them apart") == true)
  }

  @Test func `what is not in this version is said with what there is`() async throws {
    let sql = try await Program(url: TestServer.shared.cluster.url(database: "postgres")).run(
      "diff", "staging")
    expectTold(sql, status: 2, "the difference as SQL is not in this version of Lockstep")
    let file = try await Program(url: TestServer.shared.cluster.url(database: "postgres")).run(
      "diff", "schema.sql", "--summary")
    expectTold(file, status: 2, "a schema file cannot be compared in this version of Lockstep")
    let unknown = try await Program().run("diff", "stagging", "--summary")
    expectTold(unknown, status: 2, "stagging")
  }
}
