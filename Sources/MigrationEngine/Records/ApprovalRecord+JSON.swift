import JSON
import MigrationModel
import PostgresModel

extension ApprovalRecord {
  /// One object of the journal.
  public var json: JSONValue {
    switch self {
    case .given(let approval): approval.json
    case .revoked(let revocation):
      .object(
        [
          .init(key: "kind", value: "approval"), .init(key: "act", value: "revoked"),
          .init(key: "id", value: .string(revocation.approval)),
          .init(key: "at", value: .string(revocation.at.iso8601)),
          .init(key: "by", value: .string(revocation.by)),
          .init(key: "reason", value: JSONValue(revocation.reason)),
        ] + revocation.identity.members)
    }
  }

  init?(_ json: JSONValue) {
    guard let identity = DatabaseIdentity(json), let id = json["id"]?.text,
      let at = json.instant("at"), let by = json["by"]?.text, let act = json["act"]?.text
    else { return nil }
    if act == "revoked" {
      self = .revoked(
        Revocation(
          approval: id, at: at, by: by, reason: json["reason"]?.text, identity: identity))
      return
    }
    guard let manner = Approval.Manner(act, reason: json["reason"]?.text),
      let environment = json["environment"]?.text, let migrations = json["migrations"]?.elements,
      let direction = json["direction"]?.text.flatMap({ Direction(rawValue: $0) })
    else { return nil }
    let read = migrations.compactMap { ApprovedMigration($0) }
    // An approval of which a part cannot be read is none.
    guard read.count == migrations.count else { return nil }
    self = .given(
      Approval(
        id: id, at: at, by: by,
        alsoKnownAs: (json["also_known_as"]?.elements ?? []).compactMap(\.text), manner: manner,
        environment: environment, identity: identity, table: json["history_table"]?.text,
        direction: direction, migrations: read))
  }
}

extension Approval {
  fileprivate var json: JSONValue {
    var reason: String?
    if case .brokeGlass(let why) = manner { reason = why }
    return .object(
      [
        .init(key: "kind", value: "approval"), .init(key: "act", value: .string(manner.word)),
        .init(key: "id", value: .string(id)), .init(key: "at", value: .string(at.iso8601)),
        .init(key: "by", value: .string(by)),
        .init(key: "also_known_as", value: JSONValue(alsoKnownAs)),
        .init(key: "reason", value: JSONValue(reason)),
        .init(key: "environment", value: .string(environment)),
      ] + identity.members + [
        .init(key: "history_table", value: JSONValue(table)),
        .init(key: "direction", value: .string(direction.rawValue)),
        .init(key: "migrations", value: .array(migrations.map(\.json))),
      ])
  }
}

extension Approval.Manner {
  /// As the journal and scripts read it.
  public var word: String {
    switch self {
    case .typed: "approved"
    case .named: "approved_unattended"
    case .brokeGlass: "broke_glass"
    }
  }

  fileprivate init?(_ word: String, reason: String?) {
    switch word {
    case "approved": self = .typed
    case "approved_unattended": self = .named
    case "broke_glass": self = .brokeGlass(reason: reason ?? "")
    default: return nil
    }
  }
}

extension ApprovedMigration {
  /// As the journal has it.
  public var json: JSONValue {
    [
      "version": .string(version.text), "name": .string(name), "checksum": .string(checksum),
      "evidence": .string(evidence), "authors": authors.map { JSONValue($0) } ?? .null,
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let version = json["version"]?.text, let checksum = json["checksum"]?.text,
      let evidence = json["evidence"]?.text
    else { return nil }
    self.init(
      version: Version(version), name: json["name"]?.text ?? "", checksum: checksum,
      evidence: evidence, authors: json["authors"]?.elements?.compactMap(\.text))
  }
}
