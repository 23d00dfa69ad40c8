import Canvas
import PostgresModel

/// SQL cut into lines of pieces, each with what it is.
struct SQLLines: Sendable, Hashable {
  private(set) var lines: [[DocumentLine.Piece]] = []

  /// Beyond this many bytes a text is shown without highlighting, so that no key waits for it.
  static let highlightLimit = 200_000

  init(_ sql: String) {
    var sql = sql
    let spans = sql.utf8.count <= Self.highlightLimit ? SQLHighlighting.spans(in: sql) : []
    sql.withUTF8 { bytes in
      var next = 0
      var start = 0
      while start < bytes.count || (start == 0 && bytes.isEmpty) {
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        lines.append(Self.pieces(bytes, start..<end, spans, &next))
        start = end + 1
      }
    }
  }

  /// Cuts one line; `next` is the first span that may reach into it.
  private static func pieces(
    _ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>, _ spans: [SQLHighlighting.Span],
    _ next: inout Int
  ) -> [DocumentLine.Piece] {
    var end = line.upperBound
    if end > line.lowerBound, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    var pieces: [DocumentLine.Piece] = []
    var position = line.lowerBound
    func take(to limit: Int, _ tone: Tone) {
      guard limit > position else { return }
      let text = String(decoding: bytes[position..<limit], as: UTF8.self)
      pieces.append(DocumentLine.Piece(text, tone))
      position = limit
    }
    while next < spans.count, spans[next].range.lowerBound < end {
      let span = spans[next]
      take(to: min(end, span.range.lowerBound), .text)
      take(to: min(end, span.range.upperBound), tone(of: span.kind))
      // A span of several lines is met again on the next one.
      guard span.range.upperBound <= end else { break }
      next += 1
    }
    take(to: end, .text)
    return pieces
  }

  private static func tone(of kind: SQLHighlighting.Kind) -> Tone {
    switch kind {
    case .keyword, .type: .keyword
    case .string, .number: .literal
    case .comment: .comment
    case .identifier, .quotedIdentifier, .operation, .parameter: .text
    }
  }

  func styled(_ palette: Palette) -> [StyledText] {
    lines.map { DocumentLine($0).styled(palette) }
  }
}
