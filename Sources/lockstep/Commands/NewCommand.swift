import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `lockstep new`: the file or pair of files of a new migration.
struct NewCommand: Command {
  let name = "new"
  let aliases = ["add"]
  let summary = "the file or pair of files of this project's layout"
  let operands = Operands(usage: "NAME", minimum: 1, maximum: nil, inWords: "a name")
  let options = [Options.template]
  // Made when it is asked for: the commands themselves are made at every start.
  var discussion: [String] {
    [
      "Makes the next version in the way of the folder's neighbours, and begins the SQL of both directions "
        + "from the name: create_orders, add_channel_to_orders, create_index_orders_channel and the like. "
        + "Needs no database, and never overwrites a file. In an empty folder --layout says which tool's "
        + "files these will be.",
      "Templates: \(NewCommand.templates), none (an empty file).",
    ]
  }
  let examples = [
    CommandExample("lockstep new add_channel_to_orders", "the SQL is begun from the name"),
    CommandExample(
      "lockstep new orders_backfill --template backfill", "with a template of your choice"),
    CommandExample("lockstep new create_orders --layout dbmate", "the first one of a project"),
  ]

  private static let templates = Templates.all.map { template in
    "\(template.name) (\(template.summary))"
  }.joined(separator: ", ")

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    try context.requireWritable(settings)
    let title = arguments.operands.joined(separator: " ")
    let template = try template(arguments, for: title)
    let (layout, catalog, directory) = try await place(settings, context)
    let text = template?.text(for: title)
    let files = layout.newFiles(
      NewMigration(
        name: title, template: template?.name, catalog: catalog, directory: directory, now: .now(),
        up: text?.up ?? "", down: text?.down ?? "",
        isOutsideTransaction: template?.isOutsideTransaction ?? false))
    for file in files { try create(file) }
    if context.output.isJSON {
      context.output.print([
        "files": JSONValue(files.map(\.path)), "layout": .string(layout.name),
        "template": JSONValue(template?.name),
      ])
    } else {
      for file in files { context.output.print("created \(file.path)") }
    }
    return .done
  }

  private func template(_ arguments: Arguments, for title: String) throws -> Template? {
    guard let name = arguments.text(Options.template) else { return Templates.fitting(title) }
    if name == "none" { return nil }
    if let template = Templates.named(name) { return template }
    let known = Templates.all.map(\.name) + ["none"]
    throw UsageError.notAChoice(
      option: "--template", value: name, choices: known, nearest: nearest(to: name, among: known))
  }

  /// The layout, what the folder holds, and the folder; it need not be there yet.
  private func place(
    _ settings: ProjectSettings, _ context: CommandContext
  ) async throws -> (any Layout, Catalog, String) {
    let project: Project
    do {
      project = try await context.project(settings)
    } catch let refusal as Refusal where refusal.diagnostic.code == "no_directory" {
      let directory = ProjectSettings.usualDirectories(settings)[0]
      return try empty(settings, directory)
    }
    let files: [SourceFile]
    do throws(DirectoryReader.Failure) {
      files = try await project.readFiles()
    } catch {
      guard error.errno == ENOENT else { throw error }
      return try empty(settings, project.directories[0])
    }
    guard files.contains(where: { $0.name.hasSuffix(".sql") }) || settings.layout != nil else {
      return try empty(settings, project.directories[0])
    }
    let (layout, catalog) = try await context.catalog(settings)
    return (layout, catalog, project.directories[0])
  }

  private func empty(
    _ settings: ProjectSettings, _ directory: String
  ) throws -> (any Layout, Catalog, String) {
    guard let layout = settings.layout.flatMap({ Layouts.named($0.value) }) else {
      throw Refusal(
        .error(
          code: "unknown_layout", "an empty folder does not tell whose migrations these will be",
          next: "say it once: --layout \(Layouts.all.map(\.name).joined(separator: " | "))"))
    }
    return (layout, layout.catalog(of: []), directory)
  }

  private func create(_ file: NewFile) throws(Refusal) {
    var folder = ""
    for part in file.path.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
      folder += "\(part)/"
      if !part.isEmpty { mkdir(folder, 0o777) }
    }
    let descriptor = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw cannotWrite(file) }
    defer { close(descriptor) }
    var rest = Array(file.content.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw cannotWrite(file) }
      rest = rest.dropFirst(count)
    }
  }

  private func cannotWrite(_ file: NewFile) -> Refusal {
    let reason = String(cString: strerror(errno)).lowercased()
    return Refusal(
      .error(
        code: "cannot_write", "the file cannot be made: \(reason)",
        at: SourceLocation(file: file.path), next: "check the folder; no file was overwritten"))
  }
}

extension Instant {
  /// The time of this machine, to the second.
  fileprivate static func now() -> Instant { Instant(microseconds: Int64(time(nil)) * 1_000_000) }
}
