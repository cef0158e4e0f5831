import Boundary
import Testing

@Suite("Amounts of memory")
struct ByteSizeTests {
  @Test(
    "are read with and without a unit",
    arguments: [
      ("512M", 512 << 20), ("8G", 8 << 30), ("8g", 8 << 30), ("1T", 1 << 40), ("3K", 3072),
      ("100", 100),
    ])
  func read(text: String, bytes: Int) {
    #expect(ByteSize(parsing: text)?.bytes == bytes)
  }

  @Test(
    "that are none are refused",
    arguments: [
      "", "G", "0", "0G", "-1G", "+1G", "1.5G", "8GB", "8 G", "1e9", "٣G", "9223372036854775808",
      "8388608T", "9007199254740993K",
    ])
  func refused(text: String) { #expect(ByteSize(parsing: text) == nil) }

  @Test(
    "are written with two digits and more",
    arguments: [
      (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KiB"), (1 << 20, "1.0 MiB"),
      (780 << 20, "780 MiB"), (1000 << 20, "1.0 GiB"), ((39 << 30) / 10, "3.9 GiB"),
      (Int.max, "8388608 TiB"),
    ])
  func written(bytes: Int, text: String) { #expect("\(ByteSize(bytes: bytes))" == text) }
}
