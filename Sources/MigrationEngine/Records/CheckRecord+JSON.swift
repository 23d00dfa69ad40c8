import JSON
import MigrationModel
import PostgresModel

extension CheckRecord {
  /// One object of the journal.
  func json(on identity: DatabaseIdentity) -> JSONValue {
    var word = ""
    var text: String?
    var (evidence, schema, rehearsal) = (JSONValue.null, JSONValue.null, JSONValue.null)
    switch act {
    case .proven(let finding):
      word = finding.verdict.rawValue
      evidence = finding.evidenceJSON
      schema = JSONValue(finding.schema)
      rehearsal = finding.copy?.json ?? .null
    case .signed(let note): (word, text) = ("signed", note)
    case .waived(let reason): (word, text) = ("waived", reason)
    case .noted(let note): (word, text) = ("noted", note)
    case .undone: word = "undone"
    }
    return .object(
      [
        .init(key: "kind", value: "check"), .init(key: "at", value: .string(at.iso8601)),
        .init(key: "by", value: .string(by)),
        .init(key: "version", value: .string(version.text)),
        .init(key: "checksum", value: .string(checksum)),
        .init(key: "environment", value: JSONValue(environment)),
        .init(key: "item", value: .string(item)), .init(key: "act", value: .string(word)),
        .init(key: "text", value: JSONValue(text)), .init(key: "evidence", value: evidence),
        .init(key: "schema", value: schema), .init(key: "rehearsal", value: rehearsal),
      ] + identity.members)
  }

  init?(_ json: JSONValue) {
    guard let at = json.instant("at"), let by = json["by"]?.text,
      let version = json["version"]?.text, let checksum = json["checksum"]?.text,
      let item = json["item"]?.text, let word = json["act"]?.text
    else { return nil }
    let text = json["text"]?.text
    let act: Act
    switch word {
    case "signed": act = .signed(note: text)
    case "waived": act = .waived(reason: text ?? "")
    case "noted": act = .noted(text ?? "")
    case "undone": act = .undone
    default:
      guard let verdict = CheckFinding.Verdict(rawValue: word) else { return nil }
      var finding = CheckFinding(verdict, evidence: json["evidence"])
      finding.schema = json["schema"]?.text
      finding.copy = json["rehearsal"].flatMap { CheckFinding.Copy($0) }
      act = .proven(finding)
    }
    self.init(
      at: at, by: by, version: Version(version), checksum: checksum,
      environment: json["environment"]?.text, item: item, act: act)
  }
}

extension CheckFinding {
  fileprivate var evidenceJSON: JSONValue { .array(evidence.map(\.json)) }

  fileprivate init(_ verdict: Verdict, evidence json: JSONValue?) {
    let lines = (json?.elements ?? []).compactMap { line -> Evidence? in
      guard let text = line["text"]?.text else { return nil }
      return Evidence(
        text, line["weight"]?.text.flatMap { Evidence.Weight(rawValue: $0) } ?? .plain)
    }
    self.init(verdict, lines)
  }
}

extension CheckFinding.Copy {
  /// With the words of `rehearse --json`.
  var json: JSONValue { ["mode": .string(mode.rawValue), "sample": JSONValue(sample)] }

  /// `nil` where there was none, or one that this program does not know.
  fileprivate init?(_ json: JSONValue) {
    guard let mode = json["mode"]?.text.flatMap({ RehearsalReport.Mode(rawValue: $0) }) else {
      return nil
    }
    self.init(mode, sample: json["sample"]?.text)
  }
}

extension CheckFinding.Evidence {
  /// A line with what it says of the matter.
  var json: JSONValue { ["text": .string(text), "weight": .string(weight.rawValue)] }
}
