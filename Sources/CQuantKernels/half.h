// Half precision and bfloat16 to float, exactly; without branches, so that loops become vectors.
#pragma once
#include <stdint.h>
#include <string.h>

static inline float qk_float_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t qk_bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float qk_bf16_to_float(uint16_t bits) {
  return qk_float_from_bits((uint32_t)bits << 16);
}

/// Rounds half to even.
static inline uint16_t qk_float_to_bf16(float value) {
  const uint32_t bits = qk_bits_of_float(value);
  const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
  return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded >> 16);
}

/// Exponent and fraction in a float's place are 2^112 too small, those of subnormal halves too.
static inline float qk_half_to_float(uint16_t half) {
  const uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t not_finite = magnitude >= 0x0f800000 ? 0x7f800000 : 0;
  return qk_float_from_bits(
      qk_bits_of_float(qk_float_from_bits(magnitude) * 0x1p112f) | not_finite | sign);
}

/// Rounds half to even; infinite from 65520 on.
static inline uint16_t qk_float_to_half(float value) {
  const uint32_t bits = qk_bits_of_float(value), sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x47800000) return (uint16_t)(sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00));
  // Below 2^-14 a half counts in steps of 2^-24, as floats do from 0.5 on.
  if (magnitude < 0x38800000)
    return (uint16_t)(sign | (qk_bits_of_float(qk_float_from_bits(magnitude) + 0.5f) - 0x3f000000));
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}
