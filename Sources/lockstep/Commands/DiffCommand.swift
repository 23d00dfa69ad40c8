import Diagnostics
import JSON
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

/// `lockstep diff`: how the schemas of two databases differ.
struct DiffCommand: Command {
  let name = "diff"
  let summary = "how the schemas of two databases differ, in words"
  let operands = Operands(
    usage: "[FROM] TO", minimum: 1, maximum: 2, inWords: "one database or two")
  let options = [
    Options.summary, Options.exitCode.saying("exit with 1 where they differ"),
  ]
  let discussion = [
    "Reads the catalogues of both databases, each as of one moment, and tells every object and property "
      + "in which they differ, and whether it may break whoever reads or writes there. A database is a "
      + "URL, a keyword string or the name of an environment; without FROM it is the project's own. "
      + "History tables and what Lockstep keeps are left out.",
    "In this version the difference is told in words (--summary), not as SQL.",
  ]
  let examples = [
    CommandExample("lockstep diff staging --summary", "the project's database beside staging"),
    CommandExample(
      "lockstep diff staging production --summary --exit-code", "status 1 where they differ"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    guard arguments.has(Options.summary) else {
      throw Refusal(
        .error(
          code: "usage", "the difference as SQL is not in this version of Lockstep",
          next: "`lockstep diff … --summary` tells it in words"))
    }
    let settings = try context.settings(arguments)
    let words = arguments.operands
    let to = try target(words[words.count - 1], context)
    let from = words.count == 2 ? try target(words[0], context) : settings.target.value
    let left =
      Layouts.all.map { QualifiedName(parsing: $0.defaultTable) }
      + [settings.tableOfEveryLayout].compactMap { $0 }
    let loop = context.loop
    func read(_ place: ConnectionString) async throws -> (Connection, SchemaSnapshot) {
      let session = try await Connection.open(
        place, application: "lockstep diff", settings: [("default_transaction_read_only", "on")],
        loop: loop)
      return (session, try await SchemaReader(session, leavingOut: left).read())
    }
    // Both servers work at the same time.
    async let first = read(from)
    async let second = read(to)
    let (old, before) = try await first
    let (new, after) = try await second
    let diff = SchemaDiff(from: before, to: after)
    report(diff, (old, before), (new, after), in: context.output)
    let mustTell = arguments.has(Options.exitCode) && diff.verdict == .different
    return mustTell ? .failed : .done
  }

  /// The database that a word names.
  private func target(_ word: String, _ context: CommandContext) throws -> ConnectionString {
    if word.contains("://") || word.contains("=") {
      return try ConfigurationURL(word, origin: "the command line").target
    }
    guard !word.hasSuffix(".sql") else {
      throw Refusal(
        .error(
          code: "usage", "a schema file cannot be compared in this version of Lockstep",
          next: "load \"\(word)\" into an empty database and compare that"))
    }
    var connecting = ConnectionSettings(try ConfigurationSources(context.surroundings))
    try connecting.resolve(url: nil, name: word)
    return connecting.target.value
  }

  private func report(
    _ diff: SchemaDiff, _ from: (Connection, SchemaSnapshot), _ to: (Connection, SchemaSnapshot),
    in output: Output
  ) {
    if output.isJSON {
      func place(_ side: (Connection, SchemaSnapshot)) -> JSONValue {
        [
          "database": .string(side.0.database), "host": .string(side.0.host),
          "server_version": .string(side.0.serverVersionText),
          "objects": JSONValue(side.1.objectCount),
          "checksum": .string(side.1.checksum.hexadecimal),
        ]
      }
      output.print([
        "from": place(from), "to": place(to), "verdict": .string(diff.verdict.rawValue),
        "changes": .array(diff.changes.map(\.json)),
      ])
      return
    }
    let objects =
      "\(counted(from.1.objectCount, "object")) and \(counted(to.1.objectCount, "object"))"
    let verdict: Output.Span =
      switch diff.verdict {
      case .identical: .init("identical", .good)
      case .equivalent: .init("equivalent: no statement can tell them apart", .good)
      case .different: .init("different: \(counted(diff.changes.count, "fact"))", .waiting)
      }
    output.print(
      lines: [
        [
          .init("\(from.0.database) -> \(to.0.database)  ", .strong), verdict,
          .init("  (\(objects))", .faint),
        ]
      ] + diff.changes.lines)
  }
}
