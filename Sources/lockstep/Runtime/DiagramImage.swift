import Diagnostics
import EventLoop

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Images of diagrams, which Graphviz draws.
enum DiagramImage {
  /// Draws a diagram in Graphviz's language.
  ///
  /// - Throws: `Refusal` where Graphviz is missing or cannot draw it.
  static func svg(of dot: String) async throws -> String {
    guard let file = HandOver.temporaryFile(holding: dot) else {
      throw Refusal(
        .error(
          code: "cannot_write", "no temporary file can be made for the diagram",
          next: "make room in /tmp, or use another --format"))
    }
    defer { close(file) }
    let outcome: ChildProcess.Outcome
    do throws(ChildProcess.CannotStart) {
      outcome = try await ChildProcess(["dot", "-Tsvg"]).run(inputFile: file)
    } catch {
      throw Refusal(
        .error(
          code: "no_graphviz", "dot cannot be started: \(error.reason)",
          next: "install Graphviz (Debian: apt install graphviz), or use another --format"))
    }
    guard outcome.status == 0 else {
      let lines = outcome.errorText.split(separator: "\n" as Character).prefix(3)
      throw Refusal(
        Diagnostic(
          .error, code: "not_drawn", "dot could not draw the diagram",
          details: lines.map { .init("dot", String($0)) },
          next: "`lockstep erd --format dot` shows what it was given"))
    }
    return String(decoding: outcome.output, as: UTF8.self)
  }
}
