/// An option of the command line as a value: the parser, the help and the shell's completion read it.
struct CommandOption: Sendable, Hashable {
  /// Without its dashes: `lock-timeout`.
  var name: String
  /// The one-letter form, without its dash.
  var short: Character?
  var kind: Kind
  /// May be given more than once, each time adding a value; else the last one counts.
  var repeats: Bool
  /// What it does, as the help shows it: lower case, no full stop.
  var help: String

  /// What follows the name.
  enum Kind: Sendable, Hashable {
    /// Nothing.
    case flag
    /// Any text; the word that stands for it in the help.
    case text(String)
    /// A whole number of at least 1.
    case count(String)
    /// A time with its unit: `200ms`, `5s`, `2min`, `1h`.
    case duration(String)
    /// One of these words.
    case choice(String, [String])
  }

  init(
    _ name: String, short: Character? = nil, _ kind: Kind, repeats: Bool = false, help: String
  ) {
    self.name = name
    self.short = short
    self.kind = kind
    self.repeats = repeats
    self.help = help
  }

  /// The same option as the help of one command tells of it.
  func saying(_ help: String) -> CommandOption {
    var option = self
    option.help = help
    return option
  }

  /// The word that stands for the value in the help; `nil` for a flag.
  var placeholder: String? {
    switch kind {
    case .flag: nil
    case .text(let word), .count(let word), .duration(let word), .choice(let word, _): word
    }
  }

  /// As it is typed: `--lock-timeout`.
  var spelling: String { "--" + name }
}

/// A value as it was given, already of the option's kind.
enum OptionValue: Sendable, Hashable {
  case flag
  case text(String)
  case count(Int)
  case duration(Duration)
}
