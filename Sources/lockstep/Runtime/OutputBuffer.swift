import Canvas
import PostgresModel

/// Lines of a result on their way out: a long answer is a few writes, not one a line.
struct OutputBuffer: ~Copyable {
  private let output: Output
  private var bytes: [UInt8] = []

  private static let enough = 1 << 16

  init(_ output: Output) {
    self.output = output
    bytes.reserveCapacity(4096)
  }

  /// Adds a text, made harmless for a terminal, in a colour where the output has them.
  mutating func add(
    _ text: String, _ ink: Output.Ink = .plain, lineBreaks: TerminalText.LineBreaks = .keep
  ) {
    let isInked = output.isColoured && ink != .plain
    if isInked { bytes.append(contentsOf: ink.sequence.utf8) }
    if TerminalText.isPlain(text) {
      bytes.append(contentsOf: text.utf8)
    } else {
      bytes.append(contentsOf: TerminalText.visible(text, lineBreaks: lineBreaks).utf8)
    }
    if isInked { bytes.append(contentsOf: "\u{1b}[0m".utf8) }
  }

  mutating func add(_ instant: Instant) { instant.appendShortText(to: &bytes) }

  mutating func addBlanks(_ count: Int) {
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: count))
  }

  mutating func endLine() {
    bytes.append(UInt8(ascii: "\n"))
    if bytes.count >= OutputBuffer.enough { flush() }
  }

  /// Adds a line.
  mutating func addLine(_ spans: [Output.Span]) {
    for span in spans { add(span.text, span.ink) }
    endLine()
  }

  /// Writes what has been added.
  mutating func flush() {
    guard !bytes.isEmpty else { return }
    output.write(String(decoding: bytes, as: UTF8.self), .result)
    bytes.removeAll(keepingCapacity: true)
  }
}
