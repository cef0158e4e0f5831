"""Compares what a Q8_0 cache costs here and in llama.cpp: divergence from an F32 cache, on one text.

    scripts/check-cache-types [MODEL.gguf] [PROGRAM]
"""

import json
import subprocess
import sys

import llama_cpp
import numpy as np

MODEL = sys.argv[1] if len(sys.argv) > 1 else "models/tripost-6m-q8_0.gguf"
PROGRAM = sys.argv[2] if len(sys.argv) > 2 else ".build/release/tripost"
TEXT = """Q: ((3 + 4 * 2) * (1 - 5 + 2)) =
Answer: Let's think step by step.
(1) This equation can be written as "A * B", where A = (3 + 4 * 2) and B = (1 - 5 + 2).
(2) Let's calculate A = (3 + 4 * 2) = (3 + 8) = 11.
(3) Let's calculate B = (1 - 5 + 2) = (-4 + 2) = -2.
(4) Then, the final equation is A * B = 11 * -2 = -22.
(Final response) So the answer is -22."""
TYPES = {"f32": llama_cpp.GGML_TYPE_F32, "f16": llama_cpp.GGML_TYPE_F16, "q8_0": llama_cpp.GGML_TYPE_Q8_0}


def ours(kind):
    """Ids, and the logarithm of every token's probability at every position."""
    command = [PROGRAM, "score", "-m", MODEL, "-p", TEXT, "--logits-top", "4194304", "--json", "--cache-type-k", kind, "--cache-type-v", kind]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = np.full((len(found["top"]), len(found["top"][0])), -np.inf)
    for position, row in enumerate(found["top"]):
        for entry in row:
            rows[position, entry["id"]] = entry["logprob"]
    return found["tokens"], rows


def theirs(kind, ids):
    model = llama_cpp.Llama(
        MODEL, n_ctx=1024, logits_all=True, verbose=False, flash_attn=True, type_k=TYPES[kind], type_v=TYPES[kind]
    )
    model.eval(ids)
    logits = model.scores[: len(ids)].astype(np.float64)
    return logits - logits.max(1, keepdims=True) - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))


def divergence(exact, other):
    """Mean over the positions of the Kullback-Leibler divergence; nats."""
    return float((np.exp(exact) * (exact - other)).sum(1).mean())


ids, mine = ours("f32")
peer = theirs("f32", ids)
mine, width = mine[:, : peer.shape[1]], peer.shape[1]
print(f"f32: ours from theirs {divergence(peer, mine):.2e} nats over {len(ids)} tokens of {width}")
for kind in ("f16", "q8_0"):
    _, rows = ours(kind)
    rows = rows[:, :width]
    other = theirs(kind, ids)
    here, there = divergence(mine, rows), divergence(peer, other)
    same = (rows.argmax(1) == other.argmax(1)).sum()
    print(f"{kind}: from f32 {here:.2e} here, {there:.2e} there; likeliest token the same at {same} of {len(ids)}")
    # int8 inputs of the products turn any change into one of about 1e-4.
    if not here < 2 * there + 5e-4 or same < 0.97 * len(ids):
        sys.exit(f"a cache of {kind} costs more than it does there")
