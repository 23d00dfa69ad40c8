import JSON
import TestSupport
import Testing

@testable import lockstep

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `lockstep erd --format svg`, beside a stand-in for Graphviz.
@Suite struct ErdImageTests {
  /// A project with one table, and nothing in `PATH` but this `dot`.
  private func project(dot script: String?) async throws -> Program {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
    var program = try Program(
      ["db/migrations/001_notes.sql": "-- migrate:up\n-- migrate:down\n"],
      url: database.url + "&options=-csearch_path%3Dpublic")
    program.variables["PATH"] = "\(program.folder)/bin"
    if let script {
      try program.write("#!/bin/sh\n\(script)\n", to: "bin/dot")
      chmod("\(program.folder)/bin/dot", 0o755)
    }
    return program
  }

  /// Shows what it was asked and given, as an image would not.
  private static let echoing =
    #"echo "<svg> $*"; while read -r line; do echo "$line"; done; echo "</svg>""#

  @Test func `an image is what Graphviz makes of the dot form`() async throws {
    let program = try await project(dot: Self.echoing)
    let dot = try await program.run("erd", "--format", "dot")
    let words = dot.output.split(separator: "\n").map { $0.drop { $0 == " " } }
    let drawn = "<svg> -Tsvg\n\(words.joined(separator: "\n"))\n</svg>\n"
    let image = try await program.run("erd", "--format", "svg")
    #expect(image.status == 0 && image.output == drawn, "\(image.errors)")
    let json = try #require(
      JSONValue(reading: try await program.run("erd", "--format", "svg", "--json").output))
    #expect(json["format"]?.text == "svg" && json["diagram"]?.text == drawn)
    let written = try await program.run("erd", "--output", "docs/schema.svg")
    #expect(written.status == 0 && written.errors == "wrote docs/schema.svg\n")
    #expect(try program.read("docs/schema.svg") == drawn)
  }

  @Test func `without Graphviz it is said where to get it`() async throws {
    let outcome = try await project(dot: nil).run("erd", "--format", "svg")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(
      outcome.errors == """
        error: dot cannot be started: No such file or directory
          next: install Graphviz (Debian: apt install graphviz), or use another --format

        """)
  }

  @Test func `what Graphviz has against it is told, and no file is left`() async throws {
    let program = try await project(dot: "echo 'syntax error in line 1' >&2; exit 1")
    let outcome = try await program.run("erd", "--output", "schema.svg")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(
      outcome.errors == """
        error: dot could not draw the diagram
          dot:  syntax error in line 1
          next: `lockstep erd --format dot` shows what it was given

        """)
    #expect(try program.names(in: ".") == ["bin", "db"])
  }
}
