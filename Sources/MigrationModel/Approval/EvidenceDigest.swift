/// Stands for everything that an approval of one migration leans on beside its content: how each item of
/// its checklist stands and what was seen, in rehearsals as well, which prove the items they can.
public enum EvidenceDigest {
  /// SHA-256 in hexadecimal over the values, not over when they were found: proving the same again with
  /// the same outcome changes nothing.
  ///
  /// - Parameter sheet: The migration's checklist where it was validated.
  public static func of(_ sheet: CheckedMigration) -> String {
    var lines = ["lockstep evidence 1", sheet.environment ?? "", sheet.checksum]
    for item in sheet.items {
      lines += ["item", item.item.id, item.status.rawValue]
      // Who has proven it says nothing; who has given a word is the word.
      if [.signed, .waived].contains(item.status) {
        lines += [item.by ?? "", item.reason ?? ""]
      }
      // What a clone has shown is more than what a copy without rows has.
      if let copy = item.copy { lines += ["copy", copy.mode.rawValue, copy.sample ?? ""] }
      for line in item.evidence { lines += [line.weight.rawValue, line.text] }
    }
    // With the length in front no line can be taken for two.
    let text = lines.map { "\($0.utf8.count):\($0)\n" }.joined()
    return Checksum(.sha256, of: Array(text.utf8)).hexadecimal
  }
}
