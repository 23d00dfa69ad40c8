/// Stands for everything that an approval of one migration leans on beside its content: how each item of
/// its checklist stands, what was seen, and what its rehearsal has shown.
public enum EvidenceDigest {
  /// SHA-256 in hexadecimal over the values, not over when they were found: proving the same again with
  /// the same outcome changes nothing.
  ///
  /// - Parameters:
  ///   - sheet: The migration's checklist where it was validated.
  ///   - rehearsal: What else counts, a line each, in an order of its own.
  public static func of(_ sheet: CheckedMigration, rehearsal: [String] = []) -> String {
    var lines = ["lockstep evidence 1", sheet.environment ?? "", sheet.checksum]
    for item in sheet.items {
      lines += ["item", item.item.id, item.status.rawValue]
      // Who has proven it says nothing; who has given a word is the word.
      if [.signed, .waived].contains(item.status) {
        lines += [item.by ?? "", item.reason ?? ""]
      }
      for line in item.evidence { lines += [line.weight.rawValue, line.text] }
    }
    for line in rehearsal { lines += ["rehearsal", line] }
    // With the length in front no line can be taken for two.
    let text = lines.map { "\($0.utf8.count):\($0)\n" }.joined()
    return Checksum(.sha256, of: Array(text.utf8)).hexadecimal
  }
}
