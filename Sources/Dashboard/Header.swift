import Canvas
import PostgresModel

/// The first line: which database this is, in words, and how the dashboard stands with it.
enum Header {
  /// A part of the line; parts give way by rank where there is no room, the highest first.
  private struct Part {
    var text: String
    var style: Style
    var rank: Int
  }

  static func draw(on frame: inout Frame, in area: Rectangle, _ facts: Facts) {
    guard !area.isEmpty else { return }
    let palette = facts.look.palette
    frame.fill(area, style: palette.header)
    var left = self.left(facts, palette)
    var right = self.right(facts, palette)
    let room = area.size.columns - 2
    while width(left, gap: 2) + width(right, gap: 3) + 2 > room {
      let rank = max(left.map(\.rank).max() ?? 0, right.map(\.rank).max() ?? 0)
      guard rank > 0 else { break }
      left.removeAll { $0.rank == rank }
      right.removeAll { $0.rank == rank }
    }
    // The word of a protected database stands in a field of its own.
    var column = area.left + (left.first?.text.first == " " ? 0 : 1)
    let rightStart = area.right - 1 - width(right, gap: 3)
    let leftClip = Rectangle(
      column: area.left, row: area.top,
      columns: max(0, min(rightStart - 1, area.right) - area.left),
      rows: 1)
    for part in left {
      column += frame.write(
        part.text, at: Point(column: column, row: area.top),
        style: palette.header.merged(with: part.style), within: leftClip)
      column += part.text.last == " " ? 1 : 2
    }
    column = max(area.left, rightStart)
    for part in right {
      column += frame.write(
        part.text, at: Point(column: column, row: area.top),
        style: palette.header.merged(with: part.style), within: area)
      column += 3
    }
  }

  private static func width(_ parts: [Part], gap: Int) -> Int {
    parts.reduce(0) { $0 + TextWidth.of($1.text) } + gap * max(0, parts.count - 1)
  }

  private static func left(_ facts: Facts, _ palette: Palette) -> [Part] {
    var parts: [Part] = []
    if let word = facts.target.word {
      let style = facts.target.isProtected ? palette.production : palette.strong
      parts.append(Part(text: facts.target.isProtected ? " \(word) " : word, style: style, rank: 0))
    }
    if case .unconfigured = facts.connection {
      parts.append(Part(text: "no database", style: palette.warning, rank: 0))
    } else {
      parts.append(Part(text: facts.target.place, style: palette.strong, rank: 0))
    }
    switch facts.connection {
    case .unconfigured: break
    case .connecting:
      parts.append(Part(text: "connecting\(facts.look.ellipsis)", style: palette.active, rank: 2))
    case .connected(let server):
      parts.append(Part(text: "PostgreSQL \(server.version)", style: palette.text, rank: 7))
    case .lost(let diagnostic, let retryAt):
      // What never was there is not lost.
      let isLost = facts.picture.knowsStates || facts.locks.scan != nil
      let words =
        retryAt == nil
        ? "no connection" : isLost ? "connection lost, retrying" : "no connection, retrying"
      parts.append(Part(text: words, style: palette.danger, rank: 0))
      parts.append(Part(text: diagnostic.what, style: palette.text, rank: 6))
    }
    if let stop = facts.run?.stop {
      let age = stop.openMilliseconds(at: facts.now)
      var text = "STOPPED \(Words.duration(milliseconds: age))"
      if let limit = stop.place.limitMilliseconds {
        text += " of \(Words.duration(milliseconds: limit))"
      }
      let victims = facts.run?.queue?.queue.victims ?? 0
      if victims > 0 { text += ", \(victims) waiting" }
      parts.append(Part(text: text, style: palette.warning, rank: 0))
    }
    parts += counts(facts, palette)
    parts += prepared(facts, palette)
    return parts
  }

  private static func counts(_ facts: Facts, _ palette: Palette) -> [Part] {
    guard let status = facts.picture.status else { return [] }
    guard case .joined(_, let at) = facts.picture else {
      return [
        Part(text: Words.count(status.migrations.count, "file"), style: palette.text, rank: 4)
      ]
    }
    let counts = facts.countsNow
    var parts = [
      Part(text: "applied \(counts.applied)", style: palette.text, rank: 3),
      Part(text: "pending \(counts.pending)", style: palette.text, rank: 3),
    ]
    if counts.failed > 0 {
      parts.append(Part(text: "FAILED \(counts.failed)", style: palette.danger, rank: 1))
    }
    if counts.drift > 0 {
      parts.append(Part(text: "drift \(counts.drift)", style: palette.warning, rank: 2))
    } else {
      parts.append(Part(text: "drift 0", style: palette.text, rank: 8))
    }
    if facts.connection.server == nil || facts.pictureProblem != nil {
      parts.append(
        Part(text: "as of \(Words.timeOfDay(at))", style: palette.warning, rank: 1))
    }
    return parts
  }

  /// A prepared transaction outlives its session and a restart, and holds its locks meanwhile.
  private static func prepared(_ facts: Facts, _ palette: Palette) -> [Part] {
    guard let count = facts.locks.live?.snapshot.preparedTransactions.count, count > 0 else {
      return []
    }
    return [Part(text: "prepared transactions \(count)", style: palette.warning, rank: 6)]
  }

  private static func right(_ facts: Facts, _ palette: Palette) -> [Part] {
    var parts: [Part] = []
    if let frozen = facts.frozenAt {
      parts.append(Part(text: "FROZEN \(Words.timeOfDay(frozen))", style: palette.warning, rank: 0))
    }
    switch facts.access {
    case .readOnly:
      parts.append(Part(text: "READ-ONLY", style: palette.strong, rank: 0))
    case .armed(let until):
      let left = Words.countdown(to: until, at: facts.now)
      parts.append(Part(text: "ARMED \(left)", style: palette.warning, rank: 0))
    }
    let interval = Words.interval(milliseconds: facts.intervalMilliseconds)
    parts.append(Part(text: interval, style: palette.text, rank: 5))
    parts.append(Part(text: Words.clock(facts.now), style: palette.text, rank: 4))
    return parts
  }
}

extension Look {
  /// Three dots where only ASCII can be shown.
  var ellipsis: String { lines == .unicode ? "…" : "..." }
}
