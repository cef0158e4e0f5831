#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

// The system's functions serve only where a value is made once (tables, one logarithm a row), in double
// precision, so that rounding to Float hides the last bit in which libraries differ.

func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

func cosineAndSine(_ angle: Double) -> (Double, Double) { (cos(angle), sin(angle)) }

func naturalLogarithm(_ x: Float) -> Float { Float(log(Double(x))) }
