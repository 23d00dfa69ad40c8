extension SQLText {
  /// An identifier for SQL that people go on writing: quoted only where it has to be.
  public static func readableIdentifier(_ name: String) -> String {
    let bytes = name.utf8
    let isPlain =
      bytes.first.map { $0 == 0x5F || ($0 >= 0x61 && $0 <= 0x7A) } == true
      && bytes.allSatisfy {
        $0 == 0x5F || ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39)
      }
    return isPlain && !SQLKeywords.reserved.contains(name) ? name : identifier(name)
  }
}
