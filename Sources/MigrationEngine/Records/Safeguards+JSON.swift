import JSON
import MigrationModel
import PostgresModel

extension Backup {
  /// What events and the journal tell of a backup; unknown is `null`.
  public var members: [JSONValue.Member] {
    var word = "failed"
    var file: BackupFile?
    var text: String?
    switch outcome {
    case .taken(let taken): (word, file) = ("taken", taken)
    case .left(let reference): (word, text) = ("left", reference)
    case .failed(let reason): text = reason
    }
    return [
      .init(key: "way", value: .string(way)), .init(key: "outcome", value: .string(word)),
      .init(key: "path", value: JSONValue(file?.path)),
      .init(key: "bytes", value: JSONValue(file?.bytes)),
      .init(key: "sha256", value: JSONValue(file?.sha256)),
      .init(key: "entries", value: JSONValue(file?.entries)),
      .init(key: "text", value: JSONValue(text)),
      .init(key: "duration_ms", value: JSONValue(milliseconds: durationMilliseconds)),
    ]
  }

  init?(_ json: JSONValue) {
    guard let way = json["way"]?.text, let word = json["outcome"]?.text else { return nil }
    let outcome: Outcome
    switch word {
    case "taken":
      guard let path = json["path"]?.text, let bytes = json["bytes"]?.wholeNumber,
        let sha256 = json["sha256"]?.text
      else { return nil }
      outcome = .taken(
        BackupFile(
          path: path, bytes: bytes, sha256: sha256,
          entries: Int(json["entries"]?.wholeNumber ?? 0)))
    case "left": outcome = .left(reference: json["text"]?.text)
    case "failed": outcome = .failed(reason: json["text"]?.text ?? "")
    default: return nil
    }
    self.init(
      way: way, outcome: outcome,
      durationMilliseconds: json["duration_ms"]?.decimalNumber ?? 0)
  }
}

extension HealthCheck {
  /// What events and the journal tell of a health check.
  public var members: [JSONValue.Member] {
    [
      .init(key: "way", value: .string(way)), .init(key: "question", value: .string(question)),
      .init(key: "outcome", value: .string(outcome.rawValue)),
      .init(key: "answer", value: .string(answer)),
      .init(key: "duration_ms", value: JSONValue(milliseconds: durationMilliseconds)),
    ]
  }

  init?(_ json: JSONValue) {
    guard let way = json["way"]?.text,
      let outcome = json["outcome"]?.text.flatMap({ Outcome(rawValue: $0) })
    else { return nil }
    self.init(
      way: way, question: json["question"]?.text ?? "", outcome: outcome,
      answer: json["answer"]?.text ?? "",
      durationMilliseconds: json["duration_ms"]?.decimalNumber ?? 0)
  }
}

extension RunRecord {
  /// The line of something that a run saw to beside its steps.
  static func json(
    _ kind: String, of run: String, at: Instant, _ members: [JSONValue.Member]
  ) -> JSONValue {
    .object(
      [
        .init(key: "kind", value: .string(kind)), .init(key: "run", value: .string(run)),
        .init(key: "at", value: .string(at.iso8601)),
      ] + members)
  }
}
