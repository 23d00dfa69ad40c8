import Diagnostics

extension ConfigurationFile {
  /// Reads the text of `lockstep.json`.
  ///
  /// - Throws: `JSONReader.SyntaxError` or `ConfigurationError`, with the place.
  init(_ text: String, path: String) throws {
    self.init(path: path)
    var object = try ConfigurationObject(
      try JSONReader.read(text, file: path), key: "lockstep.json")
    directories = try object.texts("directories")
    layout = try object.text("layout")
    table = try object.text("table")
    schemaFile = try object.text("schema_file")
    journal = try object.word("journal")
    checklist = try object.text("checklist")
    keyQueries = try object.text("key_queries")
    assertions = try object.text("assertions")
    diagramFile = try object.text("diagram_file")
    // The rules of the checks belong to the checks; here it is only known that they may stand here.
    _ = object.take("lint")
    if let value = object.take("environments") {
      guard case .object(let members) = value.value else {
        throw ConfigurationObject.wrong("environments", "an object", value)
      }
      environments = try members.map { try EnvironmentRules($0) }
    }
    try object.finish()
  }
}

extension EnvironmentRules {
  fileprivate init(_ member: LocatedJSON.Member) throws(ConfigurationError) {
    self.init(name: member.key)
    place = member.place
    var object = try ConfigurationObject(member.value, key: member.key)
    connection = try Self.connection(&object, of: member)
    isProtected = try object.bool("protected") ?? false
    validatedOn = try object.text("validated_on")
    backup = try Self.backup(&object)
    try readHealth(&object)
    rollsBackAutomatically = try object.bool("auto_rollback") ?? false
    lockTimeout = try object.duration("lock_timeout")
    lockAttempts = try object.count("lock_attempts")
    lockVictims = try object.count("lock_victims")
    lockVictimWait = try object.duration("lock_victim_wait")
    statementTimeout = try object.duration("statement_timeout")
    timeout = try object.duration("timeout")
    if let value = object.take("approval") {
      var inner = try ConfigurationObject(value, key: "approval")
      approval.otherThanAuthor = try inner.bool("other_than_author") ?? false
      approval.breakGlass = try inner.bool("break_glass") ?? false
      try inner.finish()
    }
    try object.finish()
  }

  private static func connection(
    _ object: inout ConfigurationObject, of member: LocatedJSON.Member
  ) throws(ConfigurationError) -> Connection? {
    let ways: [Connection?] = [
      try object.text("url").map { .url($0) }, try object.text("url_env").map { .variable($0) },
      try object.text("service").map { .service($0) },
    ]
    let said = ways.compactMap { $0 }
    guard said.count <= 1 else {
      throw .severalWaysToConnect(environment: member.key, at: member.place)
    }
    return said.first
  }

  private static func backup(
    _ object: inout ConfigurationObject
  ) throws(ConfigurationError) -> Backup {
    guard let value = object.take("backup") else { return .none }
    if case .bool(let isWanted) = value.value {
      return isWanted ? .taken(directory: nil, command: nil) : .none
    }
    guard case .object = value.value else {
      throw ConfigurationObject.wrong("backup", "true, false or an object", value)
    }
    var inner = try ConfigurationObject(value, key: "backup")
    let backup = Backup.taken(
      directory: try inner.text("directory"), command: try inner.texts("command"))
    try inner.finish()
    return backup
  }

  private mutating func readHealth(
    _ object: inout ConfigurationObject
  ) throws(ConfigurationError) {
    guard let value = object.take("health") else { return }
    var inner = try ConfigurationObject(value, key: "health")
    let ways: [Health?] = [
      try inner.text("sql").map { .sql($0) }, try inner.texts("command").map { .command($0) },
      try inner.text("url").map { .url($0) },
    ]
    healthTimeout = try inner.duration("timeout")
    try inner.finish()
    let said = ways.compactMap { $0 }
    guard said.count == 1, let way = said.first else {
      throw ConfigurationObject.wrong("health", "one of sql, command and url", value)
    }
    health = way
  }
}

/// The members of an object of the configuration; each is taken once, and none may be left.
struct ConfigurationObject {
  private var members: [LocatedJSON.Member]
  private var known: [String] = []

  init(_ json: LocatedJSON, key: String) throws(ConfigurationError) {
    guard case .object(let members) = json.value else { throw Self.wrong(key, "an object", json) }
    self.members = members
  }

  /// Returns the value of a key; `nil` where it is missing or `null`.
  mutating func take(_ key: String) -> LocatedJSON? {
    known.append(key)
    guard let index = members.firstIndex(where: { $0.key == key }) else { return nil }
    let value = members.remove(at: index).value
    return value.value == .null ? nil : value
  }

  mutating func text(_ key: String) throws(ConfigurationError) -> String? {
    try take(key).map { (value) throws(ConfigurationError) in try Self.text(value, key) }
  }

  /// A list of texts; a single text is a list of one.
  mutating func texts(_ key: String) throws(ConfigurationError) -> [String]? {
    guard let value = take(key) else { return nil }
    guard case .array(let elements) = value.value else { return [try Self.text(value, key)] }
    guard !elements.isEmpty else { throw Self.wrong(key, "at least one text", value) }
    return try elements.map { (element) throws(ConfigurationError) in try Self.text(element, key) }
  }

  mutating func bool(_ key: String) throws(ConfigurationError) -> Bool? {
    guard let value = take(key) else { return nil }
    guard case .bool(let bool) = value.value else { throw Self.wrong(key, "true or false", value) }
    return bool
  }

  mutating func count(_ key: String) throws(ConfigurationError) -> Int? {
    guard let value = take(key) else { return nil }
    guard case .number(let number) = value.value, let count = Int(exactly: number), count >= 1
    else { throw Self.wrong(key, "a whole number of at least 1", value) }
    return count
  }

  mutating func duration(_ key: String) throws(ConfigurationError) -> Duration? {
    guard let value = take(key) else { return nil }
    guard case .string(let text) = value.value, let duration = DurationText.parse(text) else {
      throw Self.wrong(key, "a time such as \(DurationText.example)", value)
    }
    return duration
  }

  mutating func word<Word: RawRepresentable & CaseIterable>(
    _ key: String
  ) throws(ConfigurationError) -> Word? where Word.RawValue == String {
    guard let value = take(key) else { return nil }
    let text = try Self.text(value, key)
    guard let word = Word(rawValue: text) else {
      throw .unknownWord(
        key: key, word: text, known: Word.allCases.map(\.rawValue), at: value.place)
    }
    return word
  }

  /// Refuses what was not taken: a key that nobody reads is a slip that would go unseen.
  func finish() throws(ConfigurationError) {
    guard let left = members.first else { return }
    throw .unknownKey(left.key, at: left.place, known: known)
  }

  private static func text(_ value: LocatedJSON, _ key: String) throws(ConfigurationError) -> String
  {
    guard case .string(let text) = value.value, !text.isEmpty else {
      throw wrong(key, "a text", value)
    }
    return text
  }

  static func wrong(_ key: String, _ wanted: String, _ value: LocatedJSON) -> ConfigurationError {
    .wrongValue(key: key, wanted: wanted, found: name(of: value.value), at: value.place)
  }

  // Texts are not repeated: one of them may be a URL with its password.
  private static func name(of value: LocatedJSON.Value) -> String {
    switch value {
    case .null: "null"
    case .bool(let bool): "\(bool)"
    case .number: "a number"
    case .string(let text): text.isEmpty ? "an empty text" : "this text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}
