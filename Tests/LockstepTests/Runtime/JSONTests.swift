import Diagnostics
import Testing

@testable import lockstep

@Suite struct JSONReaderTests {
  func read(_ text: String) throws -> LocatedJSON.Value {
    try JSONReader.read(text, file: "f.json").value
  }

  func message(_ text: String) -> String? {
    do {
      _ = try JSONReader.read(text, file: "f.json")
      return nil
    } catch {
      return "\(error.place): \(error.reason)"
    }
  }

  @Test func `JSON5 has comments, trailing commas, bare keys and single quotes`() throws {
    let value = try JSONReader.read(
      """
      // first
      { a: 'it''s', /* second */ "b": [1, -2.5, .5, 5., 0x1F, +3e2,], $c_1: null, }
      """.replacing("''", with: #"\'"#), file: "f.json")
    guard case .object(let members) = value.value else {
      Issue.record("no object")
      return
    }
    #expect(members.map(\.key) == ["a", "b", "$c_1"])
    #expect(members[0].value.value == .string("it's"))
    guard case .array(let numbers) = members[1].value.value else {
      Issue.record("no array")
      return
    }
    #expect(
      numbers.map(\.value) == [1, -2.5, 0.5, 5, 31, 300].map { LocatedJSON.Value.number($0) })
    #expect(members[2].place == SourceLocation(file: "f.json", line: 2, column: 65))
  }

  @Test func `escapes are read`() throws {
    #expect(
      try read(#""\n\t\u00e9\uD83D\uDE00\x41\0\/\q""#) == .string("\n\té😀A\0/q"))
    #expect(try read("'a\\\nb'") == .string("ab"))
  }

  @Test(arguments: [
    ("{a:1,a:2}", "f.json:1:6: \"a\" stands here a second time"),
    ("{a 1}", "f.json:1:4: expected \":\", found \"1\""),
    ("[1 2]", "f.json:1:4: expected \",\" or \"]\", found \"2\""),
    ("[1", "f.json:1:3: expected \",\" or \"]\", found the end"),
    ("\n  'abc", "f.json:2:3: this text does not end"),
    ("'a\nb'", "f.json:1:1: this text does not end on its line"),
    ("/* x", "f.json:1:1: this comment does not end"),
    ("{a: yes}", "f.json:1:5: \"yes\" is no value; text stands in quotes"),
    ("01", "f.json:1:1: \"01\" is no number"), ("1-2", "f.json:1:1: \"1-2\" is no number"),
    ("{} x", "f.json:1:4: expected the end of the file, found \"x\""),
    ("", "f.json:1:1: expected a value, found the end"),
    (#""\ud83d""#, "f.json:1:3: half of a surrogate pair stands alone"),
    (#""\u12""#, "f.json:1:4: expected 4 hexadecimal digits"),
  ]) func `an error tells its place`(_ text: String, _ expected: String) {
    #expect(message(text) == expected)
  }

  @Test func `nesting has a limit`() {
    #expect(message(String(repeating: "[", count: 65)) == "f.json:1:65: nested more than 64 deep")
  }
}
