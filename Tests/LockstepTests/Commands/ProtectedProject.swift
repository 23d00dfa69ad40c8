import TestSupport

/// The program with two migrations of dbmate and a database of its own that is protected.
enum ProtectedProject {
  static let files = [
    "migrations/001_orders.sql":
      "-- migrate:up\ncreate table orders (id int);\n-- migrate:down\ndrop table orders;\n",
    "migrations/002_note.sql":
      "-- migrate:up\nalter table orders add column note text;\n"
      + "-- migrate:down\nalter table orders drop column note;\n",
  ]

  /// Makes a project whose database is the environment `live`, with these rules.
  static func make(
    _ rules: String = "", journal: String = "file"
  ) async throws -> (program: Program, database: TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    let url = database.url + "&options=-csearch_path%3Dpublic"
    var program = try Program(files, url: url)
    program.variables["NO_COLOR"] = "1"
    program.variables["DBMATE_NO_DUMP_SCHEMA"] = "true"
    try program.write(
      "{layout: 'dbmate', journal: '\(journal)', environments: {live: {url: '\(url)', protected: true"
        + "\(rules.isEmpty ? "" : ", ")\(rules)}}}", to: "lockstep.json")
    return (program, database)
  }
}
