import Diagnostics
import Testing

@testable import lockstep

@Suite struct ArgumentParserTests {
  /// A command that takes a flag, a count, a duration and operands.
  struct Sample: Command {
    let name = "climb"
    let aliases = ["ascend"]
    let summary = "climb a little"
    let operands = Operands(usage: "[STEP…]", minimum: 0, maximum: 2, inWords: "at most two steps")
    let options = [Options.dryRun, Options.count, Options.timeout, Options.to]
    let discussion = ["Climbs."]
    let examples = [CommandExample("lockstep climb", "one step")]

    func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
      .done
    }
  }

  struct Other: Command {
    let name = "look"
    let summary = "look around"
    let operands = Operands(usage: "WHERE", minimum: 1, maximum: 1, inWords: "a place")
    let options = [Options.watch]
    let discussion: [String] = []
    let examples: [CommandExample] = []

    func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
      .done
    }
  }

  let parser = ArgumentParser(commands: [Sample(), Other()])

  func arguments(_ words: String...) throws -> Arguments {
    guard case .command(_, let arguments) = try parser.parse(words) else {
      throw Refusal(.error(code: "test", "no command was found"))
    }
    return arguments
  }

  func message(_ words: String...) -> String? {
    do {
      _ = try parser.parse(words)
      return nil
    } catch {
      return error.diagnostic.description
    }
  }

  @Test func `a value follows its option or an equals sign`() throws {
    #expect(try arguments("climb", "--to", "0042").text(Options.to) == "0042")
    #expect(try arguments("climb", "--to=0042").text(Options.to) == "0042")
    #expect(try arguments("climb", "--url=a=b").text(Options.url) == "a=b")
  }

  @Test func `letters may be grouped and the last may take a value`() throws {
    let parsed = try arguments("climb", "-qyu", "postgres://x", "-dmine", "-d=yours")
    #expect(parsed.has(Options.quiet))
    #expect(parsed.has(Options.yes))
    #expect(parsed.text(Options.url) == "postgres://x")
    #expect(parsed.texts(Options.directory) == ["mine", "yours"])
  }

  @Test func `options may stand before the command`() throws {
    let parsed = try arguments("-u", "climb", "--count", "2", "ascend", "a")
    #expect(parsed.text(Options.url) == "climb")
    #expect(parsed.count(Options.count) == 2)
    #expect(parsed.operands == ["a"])
  }

  @Test func `two dashes end the options`() throws {
    #expect(try arguments("climb", "--", "--dry-run", "-q").operands == ["--dry-run", "-q"])
  }

  @Test func `the last of two values counts`() throws {
    #expect(try arguments("climb", "--to", "1", "--to", "2").text(Options.to) == "2")
  }

  @Test func `durations have units`() throws {
    #expect(try arguments("climb", "--timeout", "5s").duration(Options.timeout) == .seconds(5))
    #expect(
      message("climb", "--timeout", "5") == """
        error: --timeout wants a time with its unit, not "5"
          next: write it like 200ms, 5s, 2min or 1h
        """)
  }

  @Test func `a mistyped command proposes the nearest`() {
    #expect(
      message("clmib") == """
        error: there is no command "clmib"
          next: did you mean `lockstep climb`? `lockstep help` lists the commands
        """)
    #expect(
      message("frobnicate") == """
        error: there is no command "frobnicate"
          next: `lockstep help` lists the commands
        """)
  }

  @Test func `a command of a later version is refused by name`() {
    #expect(
      message("blame") == """
        error: the command "blame" is not in this version of Lockstep
          next: `lockstep help` lists the commands that are
        """)
  }

  @Test func `a mistyped option proposes the nearest`() {
    #expect(
      message("climb", "--dry-rnu") == """
        error: `lockstep climb` does not take --dry-rnu
          next: did you mean --dry-run? `lockstep help climb` lists the options
        """)
    #expect(
      message("climb", "-z") == """
        error: `lockstep climb` does not take -z
          next: `lockstep help climb` lists the options
        """)
  }

  @Test func `an option of another command names that command`() {
    #expect(
      message("climb", "--watch") == """
        error: `lockstep climb` does not take --watch
          next: it belongs to `lockstep look`
        """)
  }

  @Test func `a missing value is not taken from the next option`() {
    #expect(
      message("climb", "--to", "--dry-run") == """
        error: --to wants a value
          next: write --to VERSION
        """)
    #expect(
      message("climb", "-u") == """
        error: -u wants a value
          next: write -u URL
        """)
  }

  @Test func `a flag takes no value`() {
    #expect(
      message("climb", "--dry-run=yes") == """
        error: --dry-run takes no value, but "yes" was given
          next: write --dry-run alone
        """)
  }

  @Test(arguments: ["0", "-1", "x", "1.5"]) func `a count is a whole number`(_ text: String) {
    #expect(
      message("climb", "--count=\(text)") == """
        error: --count wants a whole number of at least 1, not "\(text)"
          next: write --count 1
        """)
  }

  @Test func `operands are counted`() {
    #expect(
      message("look") == """
        error: `lockstep look` wants a place
          next: `lockstep help look` shows how it is used
        """)
    #expect(
      message("look", "here", "there") == """
        error: `lockstep look` does not know what to do with "there"
          next: `lockstep help look` shows how it is used
        """)
  }

  @Test func `help is understood anywhere and needs no operands`() throws {
    for words in [["look", "--help"], ["-h", "look"], ["look", "x", "y", "--help"]] {
      guard case .help(let command) = try parser.parse(words) else {
        Issue.record("\(words) is not understood as help")
        continue
      }
      #expect(command?.name == "look")
    }
  }

  @Test func `without a command the version can be asked for`() throws {
    guard case .version = try parser.parse(["--version"]) else {
      Issue.record("--version is not understood")
      return
    }
    guard case .bare(let arguments) = try parser.parse(["-e", "staging"]) else {
      Issue.record("no command is not understood")
      return
    }
    #expect(arguments.text(Options.environment) == "staging")
  }

  @Test func `an option means the same in every command`() {
    let options = Options.global + [Options.version] + Commands.all.flatMap(\.options)
    for option in options {
      for other in options where other.name == option.name || other.short == option.short {
        // Each command may tell of it in its own words.
        if other.name == option.name { #expect(other.saying("") == option.saying("")) }
        if option.short != nil, other.short == option.short { #expect(other.name == option.name) }
      }
    }
  }

  @Test func `no two commands share a name`() {
    let names = Commands.all.flatMap { [$0.name] + $0.aliases } + Commands.later
    #expect(Set(names).count == names.count)
  }
}

@Suite struct DurationTextTests {
  @Test(arguments: [
    ("200ms", 200), ("5s", 5000), ("2min", 120_000), ("1h", 3_600_000), ("1m30s", 90_000),
    ("0s", 0),
  ]) func `a time is a number and its unit`(_ text: String, _ milliseconds: Int64) {
    #expect(DurationText.parse(text) == .milliseconds(milliseconds))
  }

  @Test(arguments: ["", "5", "s", "5 s", "-5s", "5d", "1.5s", "9999999999999999h"])
  func `anything else is no time`(_ text: String) {
    #expect(DurationText.parse(text) == nil)
  }

  @Test(arguments: [
    (0.84, "0.8 ms"), (12.4, "12 ms"), (999.4, "999 ms"), (999.6, "1.0 s"), (1449, "1.4 s"),
    (252_000, "4min 12s"), (7_800_000, "2h 10min"), (0, "0.0 ms"),
  ]) func `a time is shown in the unit that fits`(_ milliseconds: Double, _ text: String) {
    #expect(DurationText.show(milliseconds: milliseconds) == text)
  }
}

@Suite struct HelpTextTests {
  @Test func `no line is longer than 80 columns`() {
    let texts = [HelpText.overview()] + Commands.all.map { HelpText.of($0) }
    for line in texts.flatMap({ $0.split(separator: "\n") }) {
      #expect(line.count <= 80, "\(line)")
    }
  }

  @Test func `the overview names every command and what it does`() {
    let text = HelpText.overview()
    for command in Commands.all {
      #expect(text.contains("\n    \(command.name)"), "\(command.name)")
    }
  }

  @Test func `every command has an example that its own parser takes`() throws {
    for command in Commands.all {
      #expect(!command.examples.isEmpty, "\(command.name)")
      for example in command.examples {
        var words = example.line.split(separator: " ").map(String.init)
        // A variable or a pipe before or behind is the shell's.
        if let pipe = words.firstIndex(of: "|") { words.removeSubrange(pipe...) }
        let start = try #require(words.firstIndex(of: "lockstep"))
        _ = try ArgumentParser().parse(Array(words[(start + 1)...]))
      }
    }
  }

  @Test func `the help of a command shows usage, options and examples`() {
    let text = HelpText.of(ArgumentParserTests.Sample())
    #expect(
      text.hasPrefix(
        """
        lockstep climb: climb a little

        Usage:
            lockstep climb [STEP…] [OPTION]…

        Also: lockstep ascend

        Climbs.

        Options:
                --dry-run           print the SQL of both directions and run nothing
                --count N           only N migrations
                --timeout DURATION  how long it may take altogether
                --to VERSION        up: apply up to and with it; down: roll back all
                                    above it (0: everything)

        Options of every command:
        """))
    #expect(text.hasSuffix("Examples:\n    lockstep climb\n        one step"))
  }
}
