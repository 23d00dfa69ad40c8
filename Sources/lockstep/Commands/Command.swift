/// One command: how it is called, what it takes, and what it does.
protocol Command: Sendable {
  var name: String { get }
  /// Further names, as users of other tools know it.
  var aliases: [String] { get }
  /// One line for the list of commands: lower case, no full stop.
  var summary: String { get }
  var operands: Operands { get }
  /// What it takes beside the global options.
  var options: [CommandOption] { get }
  /// Paragraphs below the usage: what a user has to know before running it.
  var discussion: [String] { get }
  var examples: [CommandExample] { get }

  /// Whether it listens to signals itself; else the first that asks for the end cancels it.
  var hearsSignals: Bool { get }

  /// Does it.
  ///
  /// - Throws: Anything; what is `Explainable` is told as its diagnostic.
  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode
}

extension Command {
  var aliases: [String] { [] }
  var operands: Operands { .none }
  var options: [CommandOption] { [] }
  var hearsSignals: Bool { false }
}

/// What a command takes that is no option.
struct Operands: Sendable, Hashable {
  /// As in the usage line: `VERSION… applied|pending`; empty when there are none.
  var usage: String
  var minimum: Int
  /// `nil`: any number.
  var maximum: Int?
  /// As the end of "`lockstep show` wants …".
  var inWords: String

  static let none = Operands(usage: "", minimum: 0, maximum: 0, inWords: "nothing")
}

/// A line that can be typed as it stands, and what it does.
struct CommandExample: Sendable, Hashable {
  var line: String
  var meaning: String

  init(_ line: String, _ meaning: String) {
    self.line = line
    self.meaning = meaning
  }
}
