import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@main enum Main {
  static func main() async {
    let surroundings = Surroundings.ofProcess()
    let words = Array(CommandLine.arguments.dropFirst())
    let status = await run(words, surroundings)
    exit(status.rawValue)
  }

  private static func run(_ words: [String], _ surroundings: Surroundings) async -> ExitCode {
    var output = Output(Arguments(), in: surroundings)
    // Known before anything is parsed, so that an error in parsing keeps the promised form.
    output.isJSON = words.contains("--json")
    do {
      switch try ArgumentParser().parse(words) {
      case .version: output.print(Version.text)
      case .help(let command): output.print(command.map { HelpText.of($0) } ?? HelpText.overview())
      case .bare: output.print(HelpText.overview())
      case .command(let command, let arguments):
        let context = CommandContext(
          surroundings: surroundings, output: Output(arguments, in: surroundings))
        return try await command.run(arguments, in: context)
      }
      return .done
    } catch {
      let diagnostic = Diagnostic(explaining: error)
      output.fail(diagnostic)
      return ExitCode(of: diagnostic)
    }
  }
}

/// The version of this program.
enum Version {
  static let number = "0.1.0"
  static let text = "lockstep \(number)"
}
