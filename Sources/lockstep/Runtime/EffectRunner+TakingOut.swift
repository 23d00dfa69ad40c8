import Canvas
import Dashboard
import Diagnostics
import EventLoop
import PostgresModel
import Terminal

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension EffectRunner {
  /// Offers a text to the terminal for its clipboard.
  func copy(_ text: String) {
    if screen.copy(text) {
      send(.done("copied \(text.utf8.count) bytes"))
    } else {
      send(
        .failed(
          .warning(
            code: "no_clipboard", "the terminal does not take \(text.utf8.count) bytes",
            next: "| shows them in the pager, where they can be selected")))
    }
  }

  /// Writes a text to a new file.
  func save(_ text: String, as name: String) {
    let file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      return send(
        .failed(.error(code: "cannot_write", "\(name): \(String(cString: strerror(errno)))")))
    }
    defer { close(file) }
    if HandOver.write(text, to: file) {
      send(.done("saved to \(name)"))
    } else {
      send(.failed(.error(code: "cannot_write", "\(name): \(String(cString: strerror(errno)))")))
    }
  }

  /// Gives the terminal to an editor, and has the files read anew after it.
  func edit(_ path: String, _ line: Int) async {
    await handOver(HandOver.editor(program.environment, path: path, line: line), input: nil)
    send(.filesChanged)
  }

  /// Gives the terminal to a pager.
  func page(_ text: String) async {
    // A pager would pass on to the terminal what a file tells it.
    let visible = TerminalText.visible(text, lineBreaks: .keep)
    guard let file = HandOver.temporaryFile(holding: visible) else {
      return send(.failed(.error(code: "cannot_write", "no temporary file can be made")))
    }
    defer { close(file) }
    await handOver(HandOver.pager(program.environment), input: file)
  }

  /// Gives the terminal to another program until it ends.
  private func handOver(_ arguments: [String], input: Int32?) async {
    guard !isHandedOver else { return }
    stopListening()
    screen.suspend()
    isHandedOver = true
    var failure: String?
    do throws(ChildProcess.CannotStart) {
      let child = try ChildProcess(arguments, environment: program.environment).spawn(
        input: input ?? STDIN_FILENO, output: STDOUT_FILENO, errorOutput: STDERR_FILENO)
      let status = await BlockingWork.run { HandOver.wait(for: child) }
      if status == 127 { failure = "\(arguments.joined(separator: " ")): not found" }
    } catch {
      failure = "\(error.program): \(error.reason)"
    }
    isHandedOver = false
    comeBack()
    listenToKeys()
    if let failure { send(.failed(.error(code: "cannot_start", failure))) }
  }
}
