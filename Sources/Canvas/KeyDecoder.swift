/// Reads the bytes a terminal sends and gives the keys they stand for.
///
/// It is told bytes as they arrive, in pieces of any size. A sequence it does not know is swallowed
/// whole: otherwise the letters at its end, or in a late answer of the terminal, would act as keys.
/// Sources: ECMA-48 (control sequences), xterm's ctlseqs (mouse, bracketed paste, modifiers),
/// console_codes(4) (function keys of the Linux console), rxvt's reference (its shifted keys).
public struct KeyDecoder: Sendable {
  /// How long a lone escape waits for the rest of a sequence, in milliseconds.
  public static let escapeDelayMilliseconds: Int32 = 25
  /// The longest paste that is kept, in bytes; the rest of a longer one is dropped.
  public static let pasteLimit = 1 << 20

  private static let escape: UInt8 = 0x1b
  private static let pasteEnd: [UInt8] = [0x1b, 0x5b, 0x32, 0x30, 0x31, 0x7e]
  private static let sequenceLimit = 256

  /// Sequences of this terminal in particular.
  private let sequences: [[UInt8]: Key]
  private var pending: [UInt8] = []
  private var pasted: [UInt8]?
  private var clicks = ClickCounter()

  /// - Parameter sequences: What the terminal's description adds to, or changes in, the sequences
  ///   every terminal of today sends. Those that do not begin with an escape are left out.
  public init(sequences: [[UInt8]: Key] = [:]) {
    self.sequences = sequences.filter { $0.key.first == Self.escape && $0.key.count > 1 }
  }

  /// Whether a lone escape has arrived, which is a key only if nothing follows soon.
  public var awaitsEscape: Bool { pasted == nil && pending == [Self.escape] }

  /// Returns the keys that `bytes` complete, in order.
  ///
  /// - Parameter instant: When they arrived; tells two presses of the mouse from a double one.
  public mutating func decode(
    _ bytes: some Sequence<UInt8>, at instant: ContinuousClock.Instant = .now
  ) -> [Key] {
    pending.append(contentsOf: bytes)
    var keys: [Key] = []
    var position = 0
    while position < pending.count {
      let step = pasted == nil ? next(from: position, at: instant) : paste(from: position)
      guard let step else { break }
      position += step.length
      if let key = step.key { keys.append(key) }
    }
    pending.removeFirst(position)
    return keys
  }

  /// Returns the escape key if a lone escape waited, now that nothing followed it.
  public mutating func flush() -> [Key] {
    guard awaitsEscape else { return [] }
    pending.removeAll()
    return [.escape]
  }

  /// How many bytes were understood, and the key they were, if one.
  private typealias Step = (length: Int, key: Key?)

  /// Takes one key from `pending`; `nil` when its end has not arrived yet.
  private mutating func next(from start: Int, at instant: ContinuousClock.Instant) -> Step? {
    let byte = pending[start]
    switch byte {
    case Self.escape: return sequence(from: start, at: instant)
    case 0x20..<0x7f: return (1, .character(Character(Unicode.Scalar(byte))))
    case 0x09: return (1, .tab)
    case 0x0a, 0x0d: return (1, .enter)
    case 0x08, 0x7f: return (1, .backspace)
    case 0..<0x20:
      let letter = Unicode.Scalar(byte | 0x40)
      return (1, .control(Character(Character(letter).lowercased())))
    default: return character(from: start)
    }
  }

  /// Takes one character of several UTF-8 bytes; broken ones are dropped.
  private func character(from start: Int) -> Step? {
    let length: Int
    switch pending[start] {
    case 0xc2...0xdf: length = 2
    case 0xe0...0xef: length = 3
    case 0xf0...0xf4: length = 4
    default: return (1, nil)
    }
    let bytes = pending[start..<min(start + length, pending.count)]
    if let broken = bytes.dropFirst().firstIndex(where: { $0 & 0xc0 != 0x80 }) {
      return (broken - start, nil)
    }
    guard bytes.count == length else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let scalar = text.unicodeScalars.first, scalar != "\u{fffd}", scalar.value >= 0xa0 else {
      return (length, nil)
    }
    return (length, .character(Character(scalar)))
  }

  // MARK: Escape sequences

  private mutating func sequence(from start: Int, at instant: ContinuousClock.Instant) -> Step? {
    if let known = described(from: start) { return known.length == 0 ? nil : known }
    guard start + 1 < pending.count else { return nil }
    switch pending[start + 1] {
    case UInt8(ascii: "["): return controlSequence(from: start, at: instant)
    case UInt8(ascii: "O"): return singleShift(from: start)
    case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"):
      return string(from: start)
    default: return (1, .escape)
    }
  }

  /// Looks in the terminal's own sequences; a length of 0 says that one of them has begun.
  private func described(from start: Int) -> Step? {
    guard !sequences.isEmpty else { return nil }
    let rest = pending[start...]
    var longest: Step?
    for (sequence, key) in sequences {
      if rest.starts(with: sequence) {
        if sequence.count > (longest?.length ?? 0) { longest = (sequence.count, key) }
      } else if longest == nil, rest.count > 1, sequence.starts(with: rest) {
        longest = (0, nil)
      }
    }
    return longest
  }

  /// CSI: parameters, intermediates and one final byte.
  private mutating func controlSequence(
    from start: Int, at instant: ContinuousClock.Instant
  ) -> Step? {
    var end = start + 2
    guard end < pending.count else { return nil }
    if pending[end] == UInt8(ascii: "[") {
      guard end + 1 < pending.count else { return nil }
      let number = Int(pending[end + 1]) - 0x40
      return (4, (1...5).contains(number) ? .function(number) : nil)
    }
    if pending[end] == UInt8(ascii: "M") {
      guard end + 3 < pending.count else { return nil }
      let numbers = pending[(end + 1)...(end + 3)].map { Int($0) - 32 }
      let key = mouse(
        button: numbers[0], column: numbers[1], row: numbers[2],
        released: numbers[0] & 3 == 3, at: instant)
      return (6, key)
    }
    while end < pending.count, (0x20...0x3f).contains(pending[end]) {
      end += 1
      if end - start > Self.sequenceLimit { return (end - start, nil) }
    }
    guard end < pending.count else { return nil }
    // Anything else is not part of a sequence: what came so far was broken off.
    guard (0x40...0x7e).contains(pending[end]) else { return (end - start, nil) }
    let parameters = pending[(start + 2)..<end]
    let length = end - start + 1
    if parameters.first == UInt8(ascii: "<") {
      let numbers = Self.numbers(parameters.dropFirst())
      guard numbers.count == 3 else { return (length, nil) }
      let key = mouse(
        button: numbers[0], column: numbers[1], row: numbers[2],
        released: pending[end] == UInt8(ascii: "m"), at: instant)
      return (length, key)
    }
    let numbers = Self.numbers(parameters)
    if pending[end] == UInt8(ascii: "~"), numbers.first == 200 {
      pasted = []
      return (length, nil)
    }
    return (length, Self.key(final: pending[end], numbers: numbers))
  }

  /// SS3 and one byte: cursor keys in application mode, F1 to F4, the keypad.
  private func singleShift(from start: Int) -> Step? {
    var end = start + 2
    while end < pending.count, (0x30...0x3b).contains(pending[end]) { end += 1 }
    guard end < pending.count else { return nil }
    let final = pending[end]
    guard (0x40...0x7e).contains(final) else { return (end - start, nil) }
    let length = end - start + 1
    let keypad = Array("*+,-./0123456789".utf8)
    switch final {
    case UInt8(ascii: "M"): return (length, .enter)
    case UInt8(ascii: "I"): return (length, .tab)
    case UInt8(ascii: "j")...UInt8(ascii: "y"):
      let byte = keypad[Int(final - UInt8(ascii: "j"))]
      return (length, .character(Character(Unicode.Scalar(byte))))
    case UInt8(ascii: "a"): return (length, .controlArrow(.up))
    case UInt8(ascii: "b"): return (length, .controlArrow(.down))
    case UInt8(ascii: "c"): return (length, .controlArrow(.right))
    case UInt8(ascii: "d"): return (length, .controlArrow(.left))
    default: return (length, Self.key(final: final, numbers: []))
    }
  }

  /// OSC, DCS, APC or PM, up to BEL or ST: an answer of the terminal that nobody asked for.
  private func string(from start: Int) -> Step? {
    var end = start + 2
    while end < pending.count {
      if pending[end] == 0x07 { return (end - start + 1, nil) }
      if pending[end] == Self.escape {
        guard end + 1 < pending.count else { return nil }
        // Another escape ends it too, so that a key is not lost for ever.
        return (pending[end + 1] == UInt8(ascii: "\\") ? end - start + 2 : end - start, nil)
      }
      end += 1
      if end - start > 64 * Self.sequenceLimit { return (end - start, nil) }
    }
    return nil
  }

  /// The key of a control sequence, from its final byte and its numbers.
  private static func key(final: UInt8, numbers: [Int]) -> Key? {
    // xterm sends 1 + a sum of 1 for shift, 2 for alt, 4 for control.
    let modifiers = numbers.count > 1 ? max(0, numbers[1] - 1) : 0
    func arrow(_ plain: Key, _ arrow: Key.Arrow) -> Key {
      if modifiers & 4 != 0 { return .controlArrow(arrow) }
      return modifiers & 1 != 0 ? .shiftArrow(arrow) : plain
    }
    switch final {
    case UInt8(ascii: "A"): return arrow(.up, .up)
    case UInt8(ascii: "B"): return arrow(.down, .down)
    case UInt8(ascii: "C"): return arrow(.right, .right)
    case UInt8(ascii: "D"): return arrow(.left, .left)
    case UInt8(ascii: "a"): return .shiftArrow(.up)
    case UInt8(ascii: "b"): return .shiftArrow(.down)
    case UInt8(ascii: "c") where numbers.isEmpty: return .shiftArrow(.right)
    case UInt8(ascii: "d"): return .shiftArrow(.left)
    case UInt8(ascii: "H"): return .home
    case UInt8(ascii: "F"): return .end
    case UInt8(ascii: "Z"): return .shiftTab
    // With another first number it is a late report of where the cursor stands.
    case UInt8(ascii: "P")...UInt8(ascii: "S") where numbers.first ?? 1 == 1:
      return .function(Int(final) - 0x4f)
    case UInt8(ascii: "~"), UInt8(ascii: "^"), UInt8(ascii: "@"):
      return editing(numbers.first ?? 0)
    default: return nil
    }
  }

  /// The key of a sequence that ends in `~`, by its first number.
  private static func editing(_ number: Int) -> Key? {
    switch number {
    case 1, 7: .home
    case 2: .insert
    case 3: .delete
    case 4, 8: .end
    case 5: .pageUp
    case 6: .pageDown
    // The numbers of the VT220 leave gaps after F5, F10, F14 and F16.
    case 11...15: .function(number - 10)
    case 17...21: .function(number - 11)
    case 23...26: .function(number - 12)
    case 28, 29: .function(number - 13)
    case 31...34: .function(number - 14)
    default: nil
    }
  }

  private static func numbers(_ bytes: ArraySlice<UInt8>) -> [Int] {
    bytes.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map { part in
      part.prefix(6).reduce(0) { (0x30...0x39).contains($1) ? $0 * 10 + Int($1 - 0x30) : $0 }
    }
  }

  // MARK: Mouse and paste

  private mutating func mouse(
    button: Int, column: Int, row: Int, released: Bool, at instant: ContinuousClock.Instant
  ) -> Key? {
    let point = Point(column: column - 1, row: row - 1)
    guard point.column >= 0, point.row >= 0, button & 32 == 0 else { return nil }
    if button & 64 != 0 {
      switch button & 3 {
      case 0: return .mouse(MouseEvent(.wheelUp, at: point))
      case 1: return .mouse(MouseEvent(.wheelDown, at: point))
      default: return nil
      }
    }
    if released { return .mouse(MouseEvent(.release, at: point)) }
    guard button & 3 == 0 else { return nil }
    return .mouse(MouseEvent(clicks.press(at: point, instant), at: point))
  }

  /// Takes pasted bytes up to the end of the paste, or all there are.
  private mutating func paste(from start: Int) -> Step? {
    let rest = pending[start...]
    var length = rest.count
    var ended = false
    // What may be the beginning of the end is left for the next time.
    for index in rest.indices where rest[index] == Self.escape {
      let tail = rest[index...].prefix(Self.pasteEnd.count)
      guard Self.pasteEnd.starts(with: tail) else { continue }
      length = index - start
      ended = tail.count == Self.pasteEnd.count
      break
    }
    let room = max(0, Self.pasteLimit - (pasted?.count ?? 0))
    pasted?.append(contentsOf: rest.prefix(min(length, room)))
    if ended {
      let text = String(decoding: pasted ?? [], as: UTF8.self)
      pasted = nil
      return (length + Self.pasteEnd.count, .paste(text))
    }
    return length == 0 ? nil : (length, nil)
  }
}

/// Tells a double press of the mouse from two single ones.
private struct ClickCounter: Sendable {
  private static let interval = Duration.milliseconds(400)
  private var last: (point: Point, at: ContinuousClock.Instant)?

  mutating func press(at point: Point, _ instant: ContinuousClock.Instant) -> MouseEvent.Kind {
    if let last, last.point == point, last.at.duration(to: instant) <= Self.interval {
      self.last = nil
      return .doublePress
    }
    last = (point, instant)
    return .press
  }
}
