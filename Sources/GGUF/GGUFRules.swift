import Boundary

/// What a GGUF file must obey; each rule is a row of `docs/bad-inputs.md`.
extension InputError.Rule {
  // Header
  static let notEmpty = gguf("H01")
  static let hasVersion = gguf("H02")
  static let notCut = gguf("H03")
  static let magic = gguf("H04")
  static let version = gguf("H05")
  static let littleEndian = gguf("H06")
  static let tensorCount = gguf("H07")
  static let keyCount = gguf("H08")
  static let hasTensors = gguf("H09")
  static let hasAllEntries = gguf("H10")
  static let tableComplete = gguf("H11")
  static let isRegularFile = Self("GGUF-H12", exit: .inputOutput)
  static let canBeOpened = Self("GGUF-H13", exit: .inputOutput)

  // Metadata
  static let keyLength = gguf("K01")
  static let keyNotEmpty = gguf("K02")
  static let keyShort = gguf("K03")
  static let keyText = gguf("K04")
  static let keyUnique = gguf("K05")
  static let valueType = gguf("K06")
  static let stringLength = gguf("K07")
  static let stringText = gguf("K08")
  static let stringNotEmpty = gguf("K09")
  static let boolByte = gguf("K10")
  static let elementType = gguf("K11")
  static let arrayLength = gguf("K12")
  static let elementLength = gguf("K13")
  static let flatArray = gguf("K14")
  static let arrayNesting = gguf("K15")
  static let arrayNotEmpty = gguf("K16")
  static let alignmentNotZero = gguf("K17")
  static let alignmentPower = gguf("K18")
  static let alignmentBound = gguf("K19")
  static let alignmentType = gguf("K20")
  static let numberFits = gguf("K21")
  static let valueKind = gguf("K22")
  static let architecture = gguf("K23")
  static let floatRange = gguf("K24")
  static let fileKind = Self("GGUF-K26", exit: .mismatch)
  static let oneFile = gguf("K27")
  static let keyPresent = gguf("K29")

  // Tensor table
  static let nameLength = gguf("T01")
  static let nameText = gguf("T02")
  static let nameUnique = gguf("T03")
  static let dimensionCount = gguf("T04")
  static let dimensionNotZero = gguf("T05")
  static let dimensionBound = gguf("T06")
  static let elementCount = gguf("T07")
  static let byteCount = gguf("T08")
  static let offsetAligned = gguf("T09")
  static let offsetBound = gguf("T10")
  static let withinFile = gguf("T11")
  static let noOverlap = gguf("T12")
  static let noHole = gguf("T13")
  static let typeKnown = gguf("T16")
  static let typeSupported = gguf("T17")
  static let wholeBlocks = gguf("T18")
  static let totalSize = gguf("T20")
  static let noDataWithoutTensors = gguf("T21")

  // Data
  static let scaleFinite = gguf("D04")
  static let weightFinite = gguf("D05")

  private static func gguf(_ row: String) -> Self {
    Self("GGUF-\(row)", exit: .malformedFile)
  }
}
