import Canvas

/// Shows the 256 colours of the xterm table on a terminal with fewer.
///
/// Source: xterm's 256colres.pl for the table: 16 colours of the terminal's choice, a cube of
/// 6 x 6 x 6, and 24 greys.
struct ColorMapping {
  /// The number of colours the terminal has; 0 for none.
  let count: Int

  /// Where a colour is used: a background has to stay apart from the text on it.
  enum Ground {
    case foreground, background
  }

  /// Returns the terminal's number for `color`, -1 for its own.
  func number(_ color: Color, _ ground: Ground) -> Int32 {
    guard case .indexed(let index) = color, count >= 8 else { return -1 }
    if Int(index) < min(count, 256) { return Int32(index) }
    if index < 16 { return Int32(index & 7) }
    let (red, green, blue) = Self.components(index)
    let high = max(red, green, blue)
    guard high - min(red, green, blue) > 0x18 else { return grey(high, ground) }
    // A channel counts when it is near the strongest one: the hue is kept, not the brightness. On a
    // background fewer count, so that it stays dark under light text.
    let limit = ground == .foreground ? 0.65 : 0.75
    func bit(_ channel: Int, _ value: Int32) -> Int32 {
      Double(channel) >= limit * Double(high) ? value : 0
    }
    let hue = bit(red, 1) | bit(green, 2) | bit(blue, 4)
    return count >= 16 && high == 0xff && ground == .foreground ? hue + 8 : hue
  }

  /// A grey that can be seen: as a foreground never black, as a background rather none than white.
  private func grey(_ level: Int, _ ground: Ground) -> Int32 {
    switch ground {
    case .foreground:
      if count >= 16 { return level < 0x40 ? 0 : level < 0x90 ? 8 : level < 0xd0 ? 7 : 15 }
      return level < 0x40 ? 0 : 7
    case .background:
      if level < 0x60 { return count >= 16 ? 8 : -1 }
      return level < 0xe0 || count < 16 ? 7 : 15
    }
  }

  /// The parts of a colour beyond the first 16, from 0 to 255.
  private static func components(_ index: UInt8) -> (red: Int, green: Int, blue: Int) {
    let number = Int(index) - 16
    if number >= 216 {
      let level = 8 + 10 * (number - 216)
      return (level, level, level)
    }
    func level(_ step: Int) -> Int { step == 0 ? 0 : 55 + 40 * step }
    return (level(number / 36), level(number / 6 % 6), level(number % 6))
  }
}
