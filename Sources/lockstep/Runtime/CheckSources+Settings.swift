import Diagnostics
import MigrationEngine
import MigrationModel

extension CheckSources {
  /// What the settings name, and what stands where it usually does.
  init(_ settings: ProjectSettings, layout: any Layout, in surroundings: Surroundings) {
    func usual(_ names: [String]) -> String? {
      names.map { ConfigurationSources.path($0, in: settings.root) }.first {
        surroundings.read($0) != .absent
      }
    }
    self.init(
      keyQueries: settings.keyQueries, assertions: settings.assertions,
      schemaFile: settings.schemaFile?.value
        ?? (layout.rules.dumpsSchema && settings.dumpsSchema.value
          ? usual(["db/schema.sql"]) : nil),
      diagramFile: settings.diagramFile
        ?? usual(["docs/erd.mmd", "db/erd.mmd", "erd.mmd", "docs/erd.dot"]),
      sqlxFolder: usual([".sqlx"]))
  }
}

extension ProjectSettings {
  /// The checklist that is gone through: the one that was named, else the project's own, else that of
  /// staging.
  ///
  /// - Throws: `Refusal` where there is none of that name, or the file is no list of tasks.
  func checklist(named name: String?, in surroundings: Surroundings) throws(Refusal) -> Checklist {
    if let name, let found = Checklists.named(name) { return found }
    guard let path = name ?? checklist else { return Checklists.staging }
    switch surroundings.read(path) {
    case .text(let text): return try Checklist(markdown: text, file: path)
    case .absent:
      let known = Checklists.all.map(\.name)
      // A key of the configuration may name one of Lockstep's own as well.
      let last = path.split(separator: "/").last.map(String.init) ?? path
      if name == nil, let found = Checklists.named(last) { return found }
      throw Refusal(
        .error(
          code: "configuration", "there is no checklist \"\(path)\"",
          next: nearest(to: path, among: known).map { "did you mean --checklist \($0)?" }
            ?? "name a Markdown file, or one of \(known.joined(separator: ", "))"))
    case .unreadable(let reason):
      throw Refusal(
        .error(code: "configuration", "the checklist \"\(path)\" cannot be read: \(reason)"))
    case .notText:
      throw Refusal(.error(code: "configuration", "the checklist \"\(path)\" is no text"))
    }
  }
}
