import CNcurses
import Canvas

/// The sequences this terminal's description gives for its keys.
enum TerminalKeys {
  /// Capability names of terminfo(5), some of xterm's extensions, and what they mean.
  private static let capabilities: [(name: String, key: Key)] =
    [
      ("kcuu1", .up), ("kcud1", .down), ("kcub1", .left), ("kcuf1", .right),
      ("khome", .home), ("kend", .end), ("kpp", .pageUp), ("knp", .pageDown),
      ("kich1", .insert), ("kdch1", .delete), ("kcbt", .shiftTab), ("kent", .enter),
      ("kri", .shiftArrow(.up)), ("kind", .shiftArrow(.down)),
      ("kLFT", .shiftArrow(.left)), ("kRIT", .shiftArrow(.right)),
      ("kUP5", .controlArrow(.up)), ("kDN5", .controlArrow(.down)),
      ("kLFT5", .controlArrow(.left)), ("kRIT5", .controlArrow(.right)),
    ] + (1...12).map { ("kf\($0)", .function($0)) }

  /// Returns the sequences of the current terminal; empty before one is set up.
  static func described() -> [[UInt8]: Key] {
    var sequences: [[UInt8]: Key] = [:]
    for (name, key) in capabilities {
      guard let value = ls_capability(name) else { continue }
      let bytes = Array(String(cString: value).utf8)
      // Where a description gives one sequence two meanings, the first in the list stands.
      if sequences[bytes] == nil { sequences[bytes] = key }
    }
    return sequences
  }
}
