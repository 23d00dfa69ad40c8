/// Pictures of numbers made of text.
public enum Bars {
  /// Returns a bar of `width` cells, brackets included: `[######------]`.
  ///
  /// It is full only when `fraction` is 1, and empty only when it is 0; less than three cells give
  /// no bar.
  ///
  /// - Parameter fraction: From 0 to 1; anything beyond counts as the nearer of them.
  public static func progress(_ fraction: Double, width: Int) -> String {
    guard width >= 3 else { return "" }
    let room = width - 2
    var filled = 0
    if fraction >= 1 {
      filled = room
    } else if fraction > 0 {
      filled = max(room > 1 ? 1 : 0, min(room - 1, Int(fraction * Double(room))))
    }
    let done = String(repeating: "#", count: filled)
    return "[" + done + String(repeating: "-", count: room - filled) + "]"
  }

  /// Returns the last `width` values as steps between nothing and `peak`, the newest at the right.
  ///
  /// Zero is the lowest step; an unknown value is a space, so that it is never read as zero.
  ///
  /// - Parameter peak: The value of the highest step; the largest of the values when left out.
  public static func sparkline(
    _ values: [Double?], width: Int, peak: Double? = nil, borders: BorderSet = .unicode
  ) -> String {
    let shown = values.suffix(max(0, width))
    let peak = peak ?? shown.compactMap { $0 }.max() ?? 0
    let steps = borders.steps
    var text = ""
    for value in shown {
      guard let value, value.isFinite else {
        text.append(" ")
        continue
      }
      let share = peak > 0 ? max(0, min(1, value / peak)) : 0
      let top = Double(steps.count - 1)
      // A value above zero is never drawn as zero.
      let step = share > 0 ? max(1, Int(share * top + 0.5)) : 0
      text.unicodeScalars.append(steps[step])
    }
    return text
  }
}
