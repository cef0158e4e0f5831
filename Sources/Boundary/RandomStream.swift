/// Random numbers as a pure function of a seed, a purpose and indices: no state to save, and no
/// stream depends on how much another one was read.
///
/// Value pair i is Philox4x32-10 of counter i (low half) and the stream's name (high half) under
/// the stream's key; name and key are the first 16 bytes of the SHA-256 of seed, purpose and
/// indices, each integer as 8 little-endian bytes and the purpose after its length in bytes.
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
public struct RandomStream: Sendable, RandomNumberGenerator {
  private let key: UInt64
  private let name: UInt64
  private var counter: UInt64 = 0
  private var spare: UInt64?

  public init(seed: UInt64, _ purpose: String, _ indices: Int...) {
    var hash = SHA256()
    hash.update(littleEndian: seed)
    hash.update(littleEndian: UInt64(purpose.utf8.count))
    hash.update(Array(purpose.utf8))
    for index in indices { hash.update(littleEndian: UInt64(bitPattern: Int64(index))) }
    let words = hash.words()
    key = UInt64(words[0]) << 32 | UInt64(words[1])
    name = UInt64(words[2]) << 32 | UInt64(words[3])
  }

  public mutating func next() -> UInt64 {
    if let value = spare {
      spare = nil
      return value
    }
    let block = philox(counter: (counter, name), key: key)
    counter &+= 1
    spare = block.1
    return block.0
  }

  /// A number in [0, 1) with 53 random bits.
  public mutating func uniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// A number from the normal distribution of mean 0 and variance 1 (Box and Muller 1958).
  ///
  /// Logarithm and cosine are written out below, so that the bits do not depend on a C library.
  public mutating func normal() -> Double {
    let radius = (-2 * naturalLogarithm(1 - uniform())).squareRoot()
    return radius * cosineOfTurns(uniform())
  }

  /// An integer in 0..<bound, every one equally likely (Lemire 2019, arxiv.org/abs/1805.10941).
  ///
  /// - Precondition: `bound` is positive.
  public mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0, "no integer is below \(bound) and not negative")
    let bound = UInt64(bound)
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    }
    return Int(product.high)
  }

  /// Brings `values` into random order (Fisher and Yates, from the end).
  public mutating func shuffle<T>(_ values: inout [T]) {
    for last in stride(from: values.count - 1, to: 0, by: -1) {
      values.swapAt(last, below(last + 1))
    }
  }

  /// `count` of the values without replacement, in random order.
  ///
  /// - Precondition: There are that many.
  public mutating func sample<T>(_ count: Int, of values: [T]) -> [T] {
    precondition(count >= 0 && count <= values.count, "\(count) of \(values.count) values")
    var pool = values
    for place in 0..<count { pool.swapAt(place, place + below(pool.count - place)) }
    return Array(pool.prefix(count))
  }
}

/// Philox4x32-10: ten rounds of two multiplications over four 32-bit words, as two 64-bit values.
func philox(counter: (UInt64, UInt64), key: UInt64) -> (UInt64, UInt64) {
  var (c0, c1) = (UInt32(truncatingIfNeeded: counter.0), UInt32(counter.0 >> 32))
  var (c2, c3) = (UInt32(truncatingIfNeeded: counter.1), UInt32(counter.1 >> 32))
  var (k0, k1) = (UInt32(truncatingIfNeeded: key), UInt32(key >> 32))
  for _ in 0..<10 {
    let a = UInt64(c0) * 0xD251_1F53
    let b = UInt64(c2) * 0xCD9E_8D57
    (c0, c1, c2, c3) = (
      UInt32(b >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: b),
      UInt32(a >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: a)
    )
    k0 &+= 0x9E37_79B9
    k1 &+= 0xBB67_AE85
  }
  return (UInt64(c1) << 32 | UInt64(c0), UInt64(c3) << 32 | UInt64(c2))
}

/// ln x for a positive normal x, to about an ulp: x = m · 2^e with m around 1, and
/// ln m = 2 artanh((m - 1) / (m + 1)) as its series.
func naturalLogarithm(_ x: Double) -> Double {
  var (m, e) = (x.significand, Double(x.exponent))
  if m > 1.414_213_562_373_095_1 { (m, e) = (m / 2, e + 1) }
  let s = (m - 1) / (m + 1)
  let square = s * s
  var sum = 0.0
  for k in stride(from: 23, through: 1, by: -2) { sum = sum * square + 1 / Double(k) }
  return 2 * s * sum + e * 0.693_147_180_559_945_3
}

/// cos 2πt for t in [0, 1): reduced to an eighth of a turn, then the series of sine or cosine.
func cosineOfTurns(_ t: Double) -> Double {
  let quarters = (t * 4).rounded(.toNearestOrEven)
  let x = (t - quarters / 4) * 6.283_185_307_179_586
  let square = x * x
  let quadrant = Int(quarters) & 3
  // The term of degree n is the one before times -x²/(n (n - 1)); nested from the last.
  var sum = 1.0
  let odd = quadrant & 1
  for n in stride(from: 20 + odd, through: 2 + odd, by: -2) {
    sum = 1 - sum * square / Double(n * (n - 1))
  }
  switch quadrant {
  case 0: return sum
  case 1: return -x * sum
  case 2: return -sum
  default: return x * sum
  }
}
