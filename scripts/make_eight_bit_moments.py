"""Makes Tests/QuantKernelsTests/eight_bit_moments.json: 8-bit codes and AdamW steps on them, by bitsandbytes and NumPy.

    python scripts/make_eight_bit_moments.py        (bitsandbytes, torch, numpy)

The two maps and the codes of numbers are bitsandbytes' own. The steps are AdamW in NumPy's double precision on moments that go through
bitsandbytes' codes in blocks of 256 after each step; a second moment above 0 keeps a code above 0. Floats are written as their bits.
"""

import json
import pathlib

import bitsandbytes.functional as functional
import numpy as np
import torch

TARGET = pathlib.Path(__file__).resolve().parent.parent / "Tests/QuantKernelsTests/eight_bit_moments.json"
BLOCK, COUNT, STEPS = 256, 300, 6
RATE, BETAS, EPSILON, DECAY = 1e-3, (0.9, 0.999), 1e-8, 0.01
SIGNED, UNSIGNED = (functional.create_dynamic_map(signed).float() for signed in (True, False))


def bits(values):
    return np.asarray(values, np.float32).view(np.uint32).tolist()


def encode(values, code):
    # Doubles take the path that looks for the nearest value; that for floats looks among fewer.
    rounded = torch.tensor(np.asarray(values, np.float32)).double()
    codes, scales = torch.ops.bitsandbytes.quantize_blockwise(rounded, code, BLOCK)
    codes = codes.numpy().copy()
    if code is UNSIGNED:
        codes[(values > 0) & (codes == 0)] = 1
    return codes, scales.numpy()


def decode(codes, scales, code):
    return (code.numpy()[codes] * np.repeat(scales, BLOCK)[: len(codes)]).astype(np.float64)


def main():
    rng = np.random.default_rng(5)
    # Magnitudes over many decades, as gradients have them.
    numbers = (rng.standard_normal(COUNT) * 10.0 ** rng.uniform(-6, 0, COUNT)).astype(np.float32)
    codes, scales = encode(numbers, SIGNED)
    squares, square_scales = encode(numbers**2, UNSIGNED)

    values = rng.standard_normal(COUNT).astype(np.float32)
    start, first, second, gradients = values.copy(), np.zeros(COUNT), np.zeros(COUNT), []
    values = values.astype(np.float64)
    for step in range(1, STEPS + 1):
        gradient = (rng.standard_normal(COUNT) * 10.0 ** rng.uniform(-3, 0, COUNT)).astype(np.float32)
        gradients.append(bits(gradient))
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient.astype(np.float64) ** 2
        values *= 1 - RATE * DECAY
        values -= RATE / (1 - BETAS[0] ** step) * first / (np.sqrt(second / (1 - BETAS[1] ** step)) + EPSILON)
        first, second = (decode(*encode(x.astype(np.float32), code), code) for x, code in ((first, SIGNED), (second, UNSIGNED)))
    TARGET.write_text(
        json.dumps(
            {
                "signed": bits(SIGNED), "unsigned": bits(UNSIGNED), "numbers": bits(numbers), "codes": codes.tolist(),
                "scales": bits(scales), "squares": bits(numbers**2), "square_codes": squares.tolist(),
                "square_scales": bits(square_scales), "start": bits(start), "gradients": gradients, "values": bits(values),
                "first": bits(first), "second": bits(second),
            }
        )
        + "\n"
    )  # fmt: skip


if __name__ == "__main__":
    main()
