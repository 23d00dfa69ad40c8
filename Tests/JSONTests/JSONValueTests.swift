import JSON
import Testing

@Suite struct JSONValueTests {
  @Test func `keys stay in the order in which they were given`() {
    let value: JSONValue = ["b": 1, "a": [true, nil, "x"], "c": [:]]
    #expect(value.description == #"{"b":1,"a":[true,null,"x"],"c":{}}"#)
  }

  @Test func `controls and marks of direction are escaped`() {
    let value = JSONValue.string("\u{1b}[31m\"\\\n\t\u{7f}\u{9b}\u{202e}é日")
    #expect(value.description == #""\u001b[31m\"\\\n\t\u007f\u009b\u202eé日""#)
  }

  @Test func `milliseconds keep microseconds and no more`() {
    #expect(JSONValue(milliseconds: 12).description == "12")
    #expect(JSONValue(milliseconds: 0.123456).description == "0.123")
    #expect(JSONValue(milliseconds: nil).description == "null")
    #expect(JSONValue(milliseconds: .infinity).description == "null")
  }

  @Test func `what is not there is null`() {
    #expect(JSONValue(String?.none).description == "null")
    #expect(JSONValue(Int?.none).description == "null")
    #expect(JSONValue(["a", "b"]).description == #"["a","b"]"#)
  }
}

@Suite struct JSONReadingTests {
  @Test func `what was written is read again`() {
    let value: JSONValue = [
      "a": [1, -2, .number(2.5), true, false, nil], "b": "\u{1b}\"\\\n\u{202e}é日😀", "c": [:],
      "d": [],
    ]
    #expect(JSONValue(reading: value.description) == value)
  }

  @Test func `escapes and blanks are read`() {
    let text = " { \"a\" : \"\\u00e9\\uD83D\\uDE00\\/\\b\" , \"n\" : -1.5e2 }\r\n"
    #expect(JSONValue(reading: text) == ["a": "é😀/\u{8}", "n": .number(-150)])
  }

  @Test(arguments: [
    "", "{", "{\"a\":1", "{\"a\":1}x", "[1,]", "{,}", "01", "1.", "-", "\"a", "\"a\nb\"", "nul",
    "\"\\ud800\"", "\"\\x\"", "{\"a\" 1}", "'a'", "truest",
  ])
  func `what is no JSON is not read`(_ text: String) {
    #expect(JSONValue(reading: text) == nil)
  }

  @Test func `what nests too deep is not read`() {
    let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    #expect(JSONValue(reading: deep) == nil)
    #expect(JSONValue(reading: String(deep.dropFirst().dropLast())) != nil)
  }

  @Test func `members are found by their keys`() {
    let value = JSONValue(reading: #"{"a":"x","b":2,"c":0.5,"d":[1]}"#)
    #expect(value?["a"]?.text == "x")
    #expect(value?["b"]?.wholeNumber == 2)
    #expect(value?["c"]?.decimalNumber == 0.5)
    #expect(value?["d"]?.elements == [1])
    #expect(value?["e"] == nil)
  }
}
