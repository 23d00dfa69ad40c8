import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One statement of `Fixtures/locks`, with what it was seen to do apart from the product.
public struct MeasuredStatement: Sendable {
  public var id: String
  /// Its relations are those of the schema `lab`.
  public var statement: String
  /// Statements that came before it.
  public var setup: String?
  /// Settings of the session, as `SET` statements.
  public var setting: String?
  /// Relations that stood before, by the strongest mode held; indexes and toast tables left out.
  public var locks: [String: LockMode] = [:]
  /// Indexes that stood before, by the strongest mode held.
  public var indexes: [String: LockMode] = [:]
  public var rewrites: Bool
  public var scans: Bool
  public var runsInTransaction: Bool

  /// Those that ran, in the order of the file; none where the file is not there.
  public static let all = trees.compactMap { MeasuredStatement($0) }
  /// Those that failed when they were measured, with the server's message.
  public static let failed = trees.compactMap { tree in
    tree["error"]["message"].string.map { (id: tree["id"].string ?? "?", reason: $0) }
  }

  private init?(_ tree: ParseTree) {
    guard tree["error"].isNull, let id = tree["id"].string,
      let statement = tree["statement"].string
    else { return nil }
    self.id = id
    self.statement = statement
    setup = tree["given_pre"].string
    setting = tree["given_session"].string
    rewrites = tree["rewrite"].bool
    scans = tree["scan"].bool
    runsInTransaction = tree["transaction_block"].bool
    for lock in tree["locks"].items where !lock["created_here"].bool {
      let role = lock["role"].string ?? ""
      guard !role.contains("toast"), role != "transient",
        let relation = lock["relation"].string,
        let mode = LockMode(catalogName: lock["strongest"].string ?? "")
      else { continue }
      if role.contains("index") { indexes[relation] = mode } else { locks[relation] = mode }
    }
  }

  private static let trees: [ParseTree] = {
    let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    guard let file = fopen("/\(tests)/Fixtures/locks/ddl-locks-pg15.json", "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
      bytes += buffer[..<count]
    }
    return ParseTree(json: String(decoding: bytes, as: UTF8.self))?["cases"].items ?? []
  }()
}
