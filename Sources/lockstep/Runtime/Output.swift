import Canvas
import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where results and messages go: results to standard output, everything else to standard error.
struct Output: Sendable {
  enum Stream: Sendable, Hashable { case result, message }
  /// How much is said beside results and errors.
  enum Verbosity: Sendable, Hashable, Comparable { case quiet, normal, verbose }

  /// A piece of a line in one colour.
  struct Span: Sendable, Hashable {
    var text: String
    var ink: Ink

    init(_ text: String, _ ink: Ink = .plain) {
      self.text = text
      self.ink = ink
    }
  }

  /// What a colour says; each is said in words beside it.
  enum Ink: Sendable, Hashable {
    case plain, strong, faint, good, waiting, bad

    /// The standard colours of every terminal, which its user has chosen to be readable.
    var sequence: String {
      switch self {
      case .plain: ""
      case .strong: "\u{1b}[1m"
      case .faint: "\u{1b}[2m"
      case .good: "\u{1b}[32m"
      case .waiting: "\u{1b}[33m"
      case .bad: "\u{1b}[1;31m"
      }
    }
  }

  var isColoured: Bool
  /// Whether results go to a terminal.
  var isTerminal: Bool
  /// Whether results are JSON; an error then is a JSON object on standard output as well.
  var isJSON: Bool
  var verbosity: Verbosity
  var write: @Sendable (String, Stream) -> Void

  /// The output of this process.
  init(_ arguments: Arguments, in surroundings: Surroundings) {
    let wantsNoColour =
      arguments.has(Options.noColour) || !(surroundings.variables["NO_COLOR"] ?? "").isEmpty
      || surroundings.variables["TERM"] == "dumb"
    self.init(
      isColoured: surroundings.outputIsTerminal && !wantsNoColour,
      isTerminal: surroundings.outputIsTerminal,
      isJSON: arguments.has(Options.json),
      verbosity: arguments.has(Options.quiet)
        ? .quiet : arguments.has(Options.verbose) ? .verbose : .normal
    ) { text, stream in
      writeFully(text, to: stream == .result ? STDOUT_FILENO : STDERR_FILENO)
    }
  }

  init(
    isColoured: Bool = false, isTerminal: Bool = false, isJSON: Bool = false,
    verbosity: Verbosity = .normal,
    write: @escaping @Sendable (String, Stream) -> Void
  ) {
    self.isColoured = isColoured
    self.isTerminal = isTerminal
    self.isJSON = isJSON
    self.verbosity = verbosity
    self.write = write
  }

  /// A line, or several, of the result; text from files and servers is made harmless.
  func print(_ text: String) { print([Span(text)]) }

  /// A line, or several, of the result, in colours where the output has them.
  func print(_ spans: [Span]) { print(lines: [spans]) }

  /// Lines of the result, written together: a long table is a few writes, not one a line.
  func print(lines: [[Span]]) {
    var buffer = OutputBuffer(self)
    for line in lines { buffer.addLine(line) }
    buffer.flush()
  }

  /// SQL: every byte as it is where a program reads it, harmless where a terminal shows it.
  func printExactly(_ text: String) {
    write(isTerminal ? TerminalText.visible(text, lineBreaks: .keep) : text, .result)
  }

  /// A JSON value on a line of its own.
  func print(_ json: JSONValue) {
    var bytes: [UInt8] = []
    json.append(to: &bytes)
    bytes.append(UInt8(ascii: "\n"))
    write(String(decoding: bytes, as: UTF8.self), .result)
  }

  /// What people want to know while it works; not said with `--quiet`.
  func say(_ text: String) {
    if verbosity > .quiet { writeMessage(text) }
  }

  /// What only helps to find out why; said with `--verbose`.
  func explain(_ text: String) {
    if verbosity == .verbose { writeMessage(text) }
  }

  /// An error, a warning or a note, in the form in which all of them are told.
  func tell(_ diagnostic: Diagnostic) {
    if diagnostic.severity == .note, verbosity == .quiet { return }
    writeMessage(diagnostic.description)
  }

  private func writeMessage(_ text: String) {
    write(TerminalText.visible(text, lineBreaks: .keep) + "\n", .message)
  }

  /// The error that ends the program.
  func fail(_ diagnostic: Diagnostic) {
    tell(diagnostic)
    if isJSON { print(["error": diagnostic.json]) }
  }
}

extension Diagnostic {
  /// As in `{"error": …}`.
  var json: JSONValue {
    [
      "code": .string(code), "message": .string(what), "at": JSONValue(at), "next": JSONValue(next),
      "sqlstate": JSONValue(sqlstate),
    ]
  }
}

/// Writes all of it; a reader that has gone away ends the program quietly, as it ends `ls | head`.
private func writeFully(_ text: String, to descriptor: Int32) {
  var text = text
  text.withUTF8 { bytes in
    var rest = UnsafeRawBufferPointer(bytes)
    while !rest.isEmpty {
      let written = write(descriptor, rest.baseAddress, rest.count)
      if written >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
      } else if errno == EAGAIN {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      } else if errno != EINTR {
        return
      }
    }
  }
}

/// A number with its noun: `1 row`, `2 rows`.
func counted(_ number: Int, _ noun: String) -> String {
  number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
}
