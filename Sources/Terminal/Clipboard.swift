/// The sequence that hands a text to the terminal's clipboard.
///
/// Source: xterm's ctlseqs, OSC 52; tmux(1) and screen(1) for the forms that pass through them.
enum Clipboard {
  /// The most base64 that many terminals take, in bytes.
  private static let limit = 74_994

  /// Returns what to write, or `nil` when `text` is too long.
  static func sequence(for text: String, environment: [String: String]) -> String? {
    let payload = base64(text.utf8)
    guard payload.utf8.count <= limit else { return nil }
    let plain = "\u{1b}]52;c;\(payload)\u{7}"
    if let tmux = environment["TMUX"], !tmux.isEmpty {
      // tmux keeps the plain form when it may set its clipboard, and hands the wrapped one to the
      // outer terminal when it lets sequences through. Which of them is set cannot be known.
      return "\(plain)\u{1b}Ptmux;\u{1b}\(plain)\u{1b}\\"
    }
    if environment["TERM"]?.hasPrefix("screen") ?? false { return "\u{1b}P\(plain)\u{1b}\\" }
    return plain
  }

  /// Returns base64 of `bytes` by RFC 4648, with padding.
  static func base64(_ bytes: some Sequence<UInt8>) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        result.append(alphabet[Int(bits >> count & 63)])
      }
    }
    if count > 0 { result.append(alphabet[Int(bits << (6 - count) & 63)]) }
    while result.count % 4 != 0 { result.append(UInt8(ascii: "=")) }
    return String(decoding: result, as: UTF8.self)
  }
}
