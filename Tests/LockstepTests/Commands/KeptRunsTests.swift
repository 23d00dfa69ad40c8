import TestSupport
import Testing

@testable import lockstep

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the program keeps of its runs, as a script sees it.
@Suite struct KeptRunsTests {
  private static let files = [
    "db/migrations/001_a.sql":
      "-- migrate:up\ncreate table a (id int);\n-- migrate:down\ndrop table a;\n",
    "db/migrations/002_b.sql":
      "-- migrate:up\ncreate table b (id int);\nselect 1/0;\n-- migrate:down\ndrop table b;\n",
  ]

  private func project(_ more: [String: String] = [:]) async throws -> (Program, TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    var program = try Program(
      Self.files.merging(more) { _, new in new },
      url: database.url + "&options=-csearch_path%3Dpublic")
    program.variables["NO_COLOR"] = "1"
    program.variables["DBMATE_NO_DUMP_SCHEMA"] = "true"
    return (program, database)
  }

  @Test func `times that dbmate does not keep come from the journal`() async throws {
    let (program, _) = try await project()
    #expect(try await program.run("up", "--count", "1").status == 0)
    let status = try await program.run("status", "--json").output
    #expect(status.contains(#""version":"001","name":"a","state":"applied""#))
    #expect(status.contains("\"applied_at\":\"20"))
    #expect(status.contains("\"applied_by\":\"lockstep@"))
    // What is pending has none of them.
    #expect(status.contains(#""applied_at":null,"applied_by":null,"duration_ms":null"#))
  }

  @Test(arguments: ["file", "database"])
  func `show tells of the runs of a migration`(_ journal: String) async throws {
    let (program, database) = try await project(["lockstep.json": "{journal: \"\(journal)\"}"])
    #expect(try await program.run("up").status == 1)
    let runs = try await program.run("show", "002", "--runs")
    #expect(runs.status == 0, "\(runs.errors)")
    #expect(runs.lines.first == "002_b: 1 run, newest first")
    #expect(runs.output.contains("UTC  failed after "))
    #expect(runs.output.contains(", nothing left\n  by lockstep@"))
    #expect(
      runs.output.contains(
        "\n  error: migration 002_b failed: division by zero (SQLSTATE 22012)\n"))
    let json = try await program.run("show", "002", "--runs", "--json").output
    #expect(json.hasPrefix(#"{"version":"002","runs":[{"run":"20"#))
    #expect(json.contains(#""outcome":"failed""#) && json.contains(#""run_outcome":"failed""#))
    #expect(
      try await database.rows("select to_regclass('lockstep.records') is not null")
        == [journal == "database" ? "t" : "f"])
    #expect(try await program.run("show", "001", "--runs").output.contains("UTC  applied in "))
  }

  @Test func `the locks that a migration held are told with its run`() async throws {
    let (program, _) = try await project([
      "db/migrations/002_b.sql":
        "-- migrate:up\nalter table a add column n int;\n-- migrate:down\nselect 1;\n"
    ])
    #expect(try await program.run("up").status == 0)
    let runs = try await program.run("show", "002", "--runs")
    #expect(
      runs.output.contains("\n  lock: ACCESS EXCLUSIVE on public.a, at most "), "\(runs.output)")
    let json = try await program.run("show", "002", "--runs", "--json").output
    #expect(
      json.contains(#""locks":[{"mode":"ACCESS EXCLUSIVE","relation":"public.a","held_ms":"#))
  }

  @Test(.timeLimit(.minutes(10)), arguments: ["file", "database"])
  func `a run that was cut off, or runs still, is shown without its end`(
    _ journal: String
  ) async throws {
    let (program, database) = try await project([
      "lockstep.json": "{journal: \"\(journal)\"}",
      "db/migrations/002_b.sql": "-- migrate:up\n\(Gate.stop)\n-- migrate:down\nselect 1;\n",
    ])
    #expect(try await program.run("up", "--count", "1").status == 0)
    let words = "UTC  began to be applied; no end was kept: it was cut off, or runs still\n"
    try await Gate.closed(in: database) { gate in
      async let up = program.run("up")
      _ = try await gate.comer()
      while !(try await program.run("show", "002", "--runs").output.contains(words)) {}
      try program.signalChildren(SIGKILL)
      _ = try await up
    }
    let runs = try await program.run("show", "002", "--runs")
    #expect(runs.output.contains(words))
    #expect(runs.output.contains("; no end of the run was kept\n"))
    let json = try await program.run("show", "002", "--runs", "--json").output
    #expect(json.contains(#""outcome":"begun","duration_ms":null"#))
    #expect(json.contains(#""run_outcome":null"#))
    // One that has ended has an end.
    #expect(try await program.run("show", "001", "--runs").lines.count == 3)
  }

  @Test func `what was never run has no runs`() async throws {
    let (program, _) = try await project()
    #expect(try await program.run("show", "001", "--runs").output == "no run of 001_a was kept\n")
  }

  @Test func `resume refuses where nothing broke off`() async throws {
    let (program, _) = try await project()
    let outcome = try await program.run("up", "--resume")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors == """
        error: no migration is broken off
          next: without --resume `lockstep up` runs as usual; nothing was done

        """)
    let both = try await program.run("down", "--resume", "--count", "1")
    #expect(both.status == 2)
  }
}
