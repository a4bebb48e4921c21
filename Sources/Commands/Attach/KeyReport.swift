/// Whether the bytes begin with the key, in any of the forms in which terminals report it: its plain bytes, xterm's
/// `CSI 27 ; modifiers ; code ~` (modifyOtherKeys) and `CSI code ; modifiers u` (fixterms, kitty, with event types).
func keyReport(_ bytes: ArraySlice<UInt8>, of key: KeyName) -> (length: Int, isRelease: Bool)? {
  if let plain = key.bytes, bytes.starts(with: plain), !(plain == [0x1b] && bytes.count > 1) {
    return (plain.count, false)
  }
  guard
    let sequence = ControlSequence(bytes), let code = key.codePoint, sequence.prefix == nil,
    sequence.intermediates.isEmpty
  else { return nil }
  let modifiersField: [Int]
  switch (sequence.final, sequence.parameters.count) {
  case (UInt8(ascii: "u"), 1...):
    guard sequence.parameters[0].first == Int(code) else { return nil }
    modifiersField = sequence.parameters.count > 1 ? sequence.parameters[1] : [1]
  case (UInt8(ascii: "~"), 3):
    guard sequence.parameters[0] == [27], sequence.parameters[2].first == Int(code) else { return nil }
    modifiersField = sequence.parameters[1]
  default: return nil
  }
  // Bits above the eighth-power ones are caps lock and num lock: they change nothing here.
  let given = max(1, modifiersField.first ?? 1) - 1
  guard given & 0b0011_1111 == Int(key.modifiers.rawValue) else { return nil }
  return (sequence.length, modifiersField.count > 1 && modifiersField[1] == 3)
}

/// The length of a report of the mouse or of the focus at the beginning of the bytes: it comes without anybody having typed.
func mouseOrFocusReport(_ bytes: ArraySlice<UInt8>) -> Int? {
  guard let sequence = ControlSequence(bytes) else { return nil }
  switch (sequence.prefix, sequence.final) {
  case (UInt8(ascii: "<"), UInt8(ascii: "M")), (UInt8(ascii: "<"), UInt8(ascii: "m")): return sequence.length
  case (nil, UInt8(ascii: "I")), (nil, UInt8(ascii: "O")):
    return sequence.parameters.isEmpty ? sequence.length : nil
  default: return nil
  }
}
