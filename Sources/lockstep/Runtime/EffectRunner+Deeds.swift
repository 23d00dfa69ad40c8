import Dashboard
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import Terminal

extension EffectRunner {
  /// Carries out one effect; whatever takes time goes on beside the rest.
  func perform(_ effect: Effect) {
    switch effect {
    case .reload:
      start { await $0.reload() }
      start { await $0.readChecklist() }
    case .makePlan(let request): start { await $0.makePlan(request) }
    case .run(let plan, let pace, let budget): run = start { await $0.run(plan, pace, budget) }
    case .stepAside: stepAside()
    case .decide(let decision): control?.decide(decision)
    case .cancelRun: run?.cancel()
    case .sampleLocks(let sampling): start { await $0.sampleLocks(sampling) }
    case .rename(let renaming): carryOut(renaming)
    case .measureTables(let names): start { await $0.measureTables(names) }
    case .signal(let signal): start { await $0.signal(signal) }
    case .check(let version, let items):
      check = start { await $0.check(version, items: items) }
    case .rehearse(let version): check = start { await $0.rehearse(version) }
    case .cancelCheck: check?.cancel()
    case .keepCheck(let word): start { await $0.keep(word) }
    case .saveChecks(let checked, let form, let name): saveChecks(checked, form, as: name)
    case .saveEvidence(let checked, let files, let folder):
      saveEvidence(checked, files, in: folder)
    case .copy(let text): copy(text)
    case .edit(let path, let line): start { await $0.edit(path, line) }
    case .page(let text): start { await $0.page(text) }
    case .save(let name, let text): save(text, as: name)
    case .repaint: screen.repaint()
    case .suspend: suspend()
    case .quit: finish(.left)
    }
  }

  // MARK: - Folder and history

  /// Shows the files before any server has answered.
  func readFilesFirst() async {
    do {
      let project = try await program.project()
      // Before they are read, so that no change falls between.
      watch = (project.directories, FolderWatch(project.directories))
      let files = try await project.readFiles()
      guard let layout = layout(of: files, project) else { return await tellOpenLayout(of: files) }
      let status = ProjectStatus.joining(
        catalog: layout.catalog(of: files), history: .absent, layout: layout,
        table: project.table(for: layout))
      send(.filesRead(status))
    } catch {
      send(.statusFailed(Diagnostic(explaining: error)))
    }
  }

  /// Says that the files alone leave the layout open, once the server, whose history table may settle
  /// it, has not answered for a while.
  private func tellOpenLayout(of files: [SourceFile]) async {
    do { try await program.loop.sleep(for: .seconds(1)) } catch { return }
    guard loaded == nil, connection == nil else { return }
    switch Layouts.recognise(files: files, tables: []) {
    case .ambiguous(_, let diagnostic), .unknown(let diagnostic): send(.statusFailed(diagnostic))
    case .layout: break
    }
  }

  /// The layout as far as the files alone tell it.
  private func layout(of files: [SourceFile], _ project: Project) -> (any Layout)? {
    if let name = project.layout { return Layouts.named(name) }
    guard case .layout(let found) = Layouts.recognise(files: files, tables: []) else { return nil }
    return found
  }

  /// Reads folder and history and tells the model.
  private func reload() async {
    do {
      let project = try await program.project()
      let files = try await project.readFiles()
      guard let connection else {
        if let layout = layout(of: files, project) {
          send(
            .filesRead(
              ProjectStatus.joining(
                catalog: layout.catalog(of: files), history: .absent, layout: layout,
                table: project.table(for: layout))))
        }
        return send(
          .statusFailed(.error(code: "no_connection", "the history cannot be read: no connection")))
      }
      var loaded = try await project.load(files, from: connection)
      // The mark is taken before the rows are read, so that no change falls between; where the table
      // is only now known, they are read once more.
      let mark = try await connection.rows(HistoryProbe.query(loaded.table)).first
      if historyMark != mark { loaded = try await project.load(files, from: connection) }
      historyMark = mark
      self.loaded = loaded
      send(.statusLoaded(await withRuns(loaded, connection), at: .current))
    } catch {
      send(.statusFailed(Diagnostic(explaining: error)))
      noteLoss(error)
    }
  }

  /// Tells of the runs that were kept, and fills in what only they know.
  private func withRuns(
    _ loaded: LoadedProject, _ connection: Connection
  ) async -> ProjectStatus {
    var status = loaded.status
    guard let journal = program.journal else { return status }
    // The files are read on another thread; keys do not wait for them.
    let (archive, notes) = await journal.archive(
      .all, of: loaded, in: connection, limit: 16 << 20)
    status.fillTimes(from: archive, loaded.layout)
    status.notes += notes
    // One of our own that runs has not told of its end either.
    if !facts.isRunning, let owed = archive.unheardOf { status.notes.append(owed.diagnostic) }
    send(.runsRead(archive))
    return status
  }

  // MARK: - Files

  /// Notices within a second what becomes of the files.
  func watchFiles() async {
    while !Task.isCancelled {
      guard (try? await loop.sleep(for: .milliseconds(700))) != nil else { return }
      guard let folders = try? await program.project().directories else { continue }
      if watch?.folders != folders {
        watch = (folders, FolderWatch(folders))
        send(.filesChanged)
      } else if watch?.watch.hasChanged() ?? false {
        send(.filesChanged)
      }
    }
  }

  private func carryOut(_ renaming: Renaming) {
    do {
      try renaming.carryOut()
      let files = renaming.moves.map(\.to).joined(separator: ", ")
      let notes = renaming.notes.map { "; \($0.what)" }.joined()
      send(.done("\(renaming.version) is now \(files)\(notes)"))
      send(.filesChanged)
    } catch {
      send(.failed(error.diagnostic))
    }
  }
}
