import CPosix
import Diagnostics
import EventLoop
import Postgres
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@main enum Main {
  static func main() {
    // Helper threads read beside a loop that waits; heaps of their own would each keep what they have freed.
    lockstep_share_heap()
    let surroundings = Surroundings.ofProcess()
    let words = Array(CommandLine.arguments.dropFirst())
    let code = run(words, surroundings)
    // Everything is written and closed by now; the libraries would take themselves down piece by piece,
    // which the system does faster.
    fflush(nil)
    _exit(code.rawValue)
  }

  private static func run(_ words: [String], _ surroundings: Surroundings) -> ExitCode {
    var output = Output(Arguments(), in: surroundings)
    // Known before anything is parsed, so that an error in parsing keeps the promised form.
    output.isJSON = words.contains("--json")
    do {
      switch try ArgumentParser().parse(words) {
      case .version: output.print(ProgramVersion.text)
      case .help(let command): output.print(command.map { HelpText.of($0) } ?? HelpText.overview())
      case .bare(let arguments):
        return CommandRun(
          command: DashboardCommand(), arguments: arguments, surroundings: surroundings
        ).onLoop()
      case .command(let command, let arguments):
        return CommandRun(
          command: command, arguments: arguments, surroundings: surroundings
        ).onLoop()
      }
      return .done
    } catch {
      return output.end(with: error)
    }
  }
}

/// The version of this program.
enum ProgramVersion {
  static let number = "0.1.0"
  /// With the libraries that decide what it can do.
  static var text: String {
    "lockstep \(number) (libpq \(ClientLibrary.version), "
      + "grammar of PostgreSQL \(PgQueryParser.grammarVersion))"
  }
}
