import Canvas
import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension CommandContext {
  /// Whether somebody is there to answer.
  var canAsk: Bool { surroundings.inputIsTerminal }

  /// Asks on standard error and reads a line of standard input, without its line break.
  ///
  /// - Returns: `nil` when the input ended.
  /// - Throws: `CancellationError` when interrupted meanwhile.
  func ask(_ question: String) async throws -> String? {
    output.write(TerminalText.visible(question, lineBreaks: .keep) + " ", .message)
    var bytes: [UInt8] = []
    while true {
      _ = try await loop.ready(STDIN_FILENO, Int16(POLLIN))
      var byte: UInt8 = 0
      let count = read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count == 1 else { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
  }

  /// Asks for a yes; anything but `y` and `yes` is a no.
  func confirm(_ question: String) async throws -> Bool {
    guard let answer = try await ask(question + " [y/N]") else { return false }
    return ["y", "yes"].contains(answer.lowercased().filter { !$0.isWhitespace })
  }

  /// Asks to type a word, for what cannot be undone.
  func confirm(_ question: String, byTyping word: String) async throws -> Bool {
    try await ask("\(question) Type \(word) to go on:") == word
  }

  /// Throws what is said when the answer was no.
  func declined() -> Refusal {
    Refusal(.note(code: "declined", "nothing was done"))
  }

  /// Refuses what loses data where nobody can be asked and `--yes` was not given.
  func needsYes(_ what: String) -> Refusal {
    Refusal(
      .error(
        code: "needs_yes", "\(what), and nobody is there to be asked",
        next: "give --yes if that is meant; nothing was done"))
  }
}
