/// What can be typed after `:`.
///
/// A new command is one more element of `DashboardCommands.all`; completion and help read it there.
struct DashboardCommand: Sendable {
  /// The first is its name, the others are understood as well.
  var names: [String]
  /// What follows the name: `V applied|pending`.
  var usage: String
  /// Completes the sentence "this command …".
  var summary: String
  /// What may stand in each place after the name.
  var arguments: [Argument]
  var perform: @Sendable (inout Model, [String]) -> [Effect]

  enum Argument: Sendable {
    case words([String])
    /// A version of the migrations in sight.
    case version
    /// A word, or a version.
    case wordsOrVersion([String])
    /// An item of the checklist, by its id.
    case item
    /// The pid of a session in the lock pane.
    case session
    case free
  }

  init(
    _ names: [String], _ usage: String = "", _ summary: String, arguments: [Argument] = [],
    perform: @escaping @Sendable (inout Model, [String]) -> [Effect]
  ) {
    self.names = names
    self.usage = usage
    self.summary = summary
    self.arguments = arguments
    self.perform = perform
  }

  /// As the help writes it: `:mark V applied|pending`.
  var synopsis: String { ":" + names[0] + (usage.isEmpty ? "" : " " + usage) }
}
