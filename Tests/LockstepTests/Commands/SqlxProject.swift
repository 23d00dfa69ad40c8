import TestSupport

/// The program with three migrations of sqlx and a database of its own.
enum SqlxProject {
  static let files = [
    "migrations/001_create_orders.up.sql": "create table orders (id int);\n",
    "migrations/001_create_orders.down.sql": "drop table orders;\n",
    "migrations/002_add_note.up.sql": "alter table orders add column note text;\n",
    "migrations/002_add_note.down.sql": "alter table orders drop column note;\n",
    "migrations/003_index.up.sql": "create index orders_note on orders (note);\n",
    "migrations/003_index.down.sql": "drop index orders_note;\n",
  ]

  static func make(
    _ files: [String: String] = files
  ) async throws -> (program: Program, database: TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    var program = try Program(files, url: database.url)
    program.variables["NO_COLOR"] = "1"
    return (program, database)
  }
}

extension Program {
  /// Runs it with these words, parted by blanks, on files of sqlx.
  func sqlx(_ words: String) async throws -> Outcome {
    try await run(words: words.split(separator: " ").map(String.init) + ["--layout", "sqlx"])
  }
}
