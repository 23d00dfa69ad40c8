import Testing

@testable import lockstep

@Suite struct EnvironmentFileTests {
  func variables(_ text: String, known: [String: String] = [:]) throws -> [String: String] {
    try EnvironmentFile(text, path: ".env", known: known).variables
  }

  @Test(arguments: [
    ("A=1", "1"), ("export A=1", "1"), ("A = 1 ", "1"), ("A: 1", "1"), ("A=", ""),
    ("# x\n\n  A=1\r\n", "1"), ("A=1 # note", "1"), ("A=1#2", "1#2"), ("A=#", ""),
    ("A=\"1 # 2\" # note", "1 # 2"), ("A='x\\ny'", "x\\ny"), ("A=\"x\\ny\"", "x\ny"),
    ("A=\"say \\\"hi\\\"\"", "say \"hi\""), ("A='two\nlines'", "two\nlines"),
    ("A=a=b", "a=b"), ("\u{feff}A=1", "1"), ("A=1\nA=2", "2"),
  ]) func `values are read as dbmate reads them`(_ text: String, _ value: String) throws {
    #expect(try variables(text)["A"] == value)
  }

  @Test func `variables that are known are put in`() throws {
    let text = "U=ada\nA=${U}@$HOST\nB='$U'\nC=\"\\$U\"\nD=$lower$(date)${NONE}!"
    let result = try variables(text, known: ["HOST": "db1"])
    #expect(result["A"] == "ada@db1")
    #expect(result["B"] == "$U")
    #expect(result["C"] == "$U")
    #expect(result["D"] == "$lower$(date)!")
  }

  @Test func `an error tells the line and not the value`() {
    #expect(
      throws: EnvironmentFile.SyntaxError(
        reason: "a line without \"=\"", place: .init(file: ".env", line: 2))
    ) {
      try variables("A=1\nsecret\nB=2")
    }
    #expect(
      throws: EnvironmentFile.SyntaxError(
        reason: "a quote that is not closed", place: .init(file: ".env", line: 1))
    ) {
      try variables("A=\"secret")
    }
    #expect(
      throws: EnvironmentFile.SyntaxError(
        reason: "what stands before \"=\" is no name", place: .init(file: ".env", line: 1))
    ) {
      try variables("a b c=secret")
    }
  }
}
