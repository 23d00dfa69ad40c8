import Canvas
import Testing

@testable import Terminal

@Suite struct ColorMappingTests {
  @Test func `a terminal with all colours shows them as they are`() {
    let mapping = ColorMapping(count: 256)
    for index in UInt8.min...UInt8.max {
      #expect(mapping.number(.indexed(index), .foreground) == Int32(index))
    }
    #expect(mapping.number(.standard, .background) == -1)
  }

  @Test func `a terminal without colours shows none`() {
    #expect(ColorMapping(count: 0).number(.indexed(9), .foreground) == -1)
  }

  @Test(arguments: [8, 16]) func `every colour maps to one the terminal has`(count: Int) {
    let mapping = ColorMapping(count: count)
    for index in UInt8.min...UInt8.max {
      #expect((0..<Int32(count)).contains(mapping.number(.indexed(index), .foreground)))
      #expect((-1..<Int32(count)).contains(mapping.number(.indexed(index), .background)))
    }
  }

  @Test func `hues stay what they are called`() {
    let mapping = ColorMapping(count: 8)
    #expect(mapping.number(.indexed(210), .foreground) == 1)
    #expect(mapping.number(.indexed(114), .foreground) == 2)
    #expect(mapping.number(.indexed(221), .foreground) == 3)
    #expect(mapping.number(.indexed(24), .background) == 4)
    #expect(mapping.number(.indexed(124), .background) == 1)
  }

  @Test func `a grey line can be seen on black`() {
    #expect(ColorMapping(count: 8).number(.indexed(240), .foreground) == 7)
    #expect(ColorMapping(count: 16).number(.indexed(240), .foreground) == 8)
    #expect(ColorMapping(count: 8).number(.indexed(237), .background) == -1)
  }
}
