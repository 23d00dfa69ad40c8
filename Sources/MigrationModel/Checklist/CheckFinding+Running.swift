import PostgresModel

/// What is concluded from having run a migration, on a copy or on the target.
extension CheckFinding {
  /// The history row alone is not enough: it may have been written by hand.
  static func applied(_ scene: CheckScene) -> CheckFinding {
    let status = scene.status
    var evidence: [Evidence] = []
    switch status.state {
    case .pending:
      let words =
        scene.rehearsed?.applies == true
        ? "pending\(scene.place); it applies to a copy" : "pending\(scene.place)"
      return CheckFinding(.notProven, [.init(words, .unclear)])
    case .failed:
      return CheckFinding(.failed, [.init("its run\(scene.place) broke off half-way", .refutes)])
    case .applied: break
    }
    let by = status.appliedBy.map { " by \($0)" } ?? ""
    let at = status.appliedAt.map { " at \($0.shortText) UTC" } ?? ""
    evidence.append(.init("the history says that it is applied\(scene.place)\(at)\(by)", .supports))
    for problem in status.problems {
      switch problem {
      case .changed:
        return CheckFinding(
          .failed, evidence + [.init("the file is not what was applied", .refutes)])
      case .missingFile:
        return CheckFinding(.failed, evidence + [.init("its file is gone", .refutes)])
      case .dirty:
        return CheckFinding(.failed, evidence + [.init("its run broke off half-way", .refutes)])
      case .outOfOrder, .duplicateVersion, .irreversibleWithoutNote, .unsupported: break
      }
    }
    var isSeen = false
    if let run = scene.run {
      let (line, wasSeen) = words(of: run)
      evidence.append(line)
      isSeen = wasSeen
    } else {
      evidence.append(
        .init("no run of it was kept: another tool applied it, or somebody by hand", .unclear))
    }
    switch scene.schema {
    case .equal:
      evidence.append(.init("the schema is what the rehearsal of it came to", .supports))
      isSeen = true
    case .different:
      return CheckFinding(
        .failed, evidence + [.init("the schema is not what the rehearsal of it came to", .refutes)])
    case .notCompared(let why):
      evidence.append(.init("the schema was not compared: \(why)"))
    }
    return CheckFinding(isSeen ? .passed : .notProven, evidence)
  }

  private static func words(of run: (step: StepRecord, by: String)) -> (Evidence, isSeen: Bool) {
    let at = "\(run.step.startedAt.shortText) UTC"
    switch (run.step.outcome, run.step.direction) {
    case (.done, .up):
      let time = run.step.durationMilliseconds.map { " in \(milliseconds($0))" } ?? ""
      return (.init("run at \(at) by \(run.by), done\(time)", .supports), true)
    case (.marked, .up):
      return (.init("recorded at \(at) by \(run.by) without being run", .unclear), false)
    default:
      return (
        .init(
          "its last run that was kept, at \(at) by \(run.by), is not the one that applied it",
          .unclear), false
      )
    }
  }

  static func applies(_ scene: CheckScene) -> CheckFinding {
    guard let rehearsed = scene.rehearsed, let applies = rehearsed.applies else {
      return notRehearsed(scene)
    }
    guard applies else {
      return CheckFinding(
        .failed, [.init("it cannot be applied to a copy", .refutes)] + errorLines(rehearsed))
    }
    let broken = (rehearsed.brokenOff ?? []).filter(\.hasFailed).map {
      Evidence("broken off at line \($0.line), it does not come to the same end", .refutes)
    }
    return CheckFinding(
      broken.isEmpty ? .passed : .failed,
      [.init("applied to a copy: \(copy(scene))", .supports)] + broken)
  }

  static func copy(_ scene: CheckScene) -> String { scene.mode?.words ?? "a scratch database" }

  static func reapplies(_ scene: CheckScene) -> CheckFinding {
    guard let rehearsed = scene.rehearsed, rehearsed.applies == true else {
      return notRehearsed(scene)
    }
    switch rehearsed.reapplies {
    case true?:
      return CheckFinding(
        .passed, [.init("rolled back and applied again, with the same schema", .supports)])
    case false?:
      return CheckFinding(
        .failed,
        [.init("after rolling back it does not lead to the same schema again", .refutes)]
          + errorLines(rehearsed))
    case nil where !rehearsed.rollBack.hasScript:
      return CheckFinding(.notApplicable, [.init("it has no way back")])
    case nil:
      return CheckFinding(
        .notProven,
        [.init("not tried: it could not be rolled back", .unclear)]
          + errorLines(rehearsed))
    }
  }

  static func downScript(_ scene: CheckScene) -> CheckFinding {
    guard let migration = scene.status.migration else {
      return CheckFinding(.failed, [.init("its file is gone", .refutes)])
    }
    switch migration.down {
    case .scripts(let scripts, let warnings):
      let files = Set(scripts.map(\.file.path)).sorted().joined(separator: ", ")
      return CheckFinding(
        .passed,
        [.init("a way back is written in \(files)", .supports)]
          + warnings.map { .init($0, .unclear) })
    case .none(let reason, _):
      return CheckFinding(.failed, [.init("no way back: \(reason)", .refutes)])
    case .documented(_, let diagnostic):
      return CheckFinding(
        .failed,
        [.init("a way back is written, but not for the server: \(diagnostic.what)", .refutes)])
    }
  }

  /// What takes longer than this is flagged.
  static let slowMilliseconds = 30_000.0

  static func duration(_ scene: CheckScene) -> CheckFinding {
    let step = scene.run?.step
    let isOfThis = step?.direction == .up && step?.outcome == .done
    if scene.status.state == .applied,
      let taken = scene.status.appliedMilliseconds ?? (isOfThis ? step?.durationMilliseconds : nil)
    {
      return timed(taken, "it took \(milliseconds(taken))\(scene.place)")
    }
    guard let taken = scene.rehearsed?.durationMilliseconds, scene.rehearsed?.applies == true
    else { return notRehearsed(scene) }
    let words = "it took \(milliseconds(taken)) on a copy: \(copy(scene))"
    guard scene.hadRows else {
      return CheckFinding(
        .notProven,
        [.init(words), .init("times of an empty copy say nothing of the target", .unclear)])
    }
    return timed(taken, words)
  }

  private static func timed(_ taken: Double, _ words: String) -> CheckFinding {
    guard taken > slowMilliseconds else { return CheckFinding(.passed, [.init(words, .supports)]) }
    return CheckFinding(
      .failed, [.init(words, .refutes), .init("longer than \(milliseconds(slowMilliseconds))")])
  }

  /// `0.8 ms`, `12 ms`, `1.2 s`.
  static func milliseconds(_ time: Double) -> String {
    func oneDigit(_ number: Double) -> String {
      let tenths = Int64((number * 10).rounded())
      return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
    if time >= 1000 { return "\(oneDigit(time / 1000)) s" }
    return time >= 10 ? "\(Int64(time.rounded())) ms" : "\(oneDigit(time)) ms"
  }
}
