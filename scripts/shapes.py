"""Models of given shapes with random weights, for timing."""

import os
import sys

import gguf
import numpy as np

Q = gguf.GGMLQuantizationType
# layers, width, feed-forward, heads, key/value heads, vocabulary
SHAPES = {
    "15m": (6, 288, 768, 6, 6, 32000),
    "1.1b": (22, 2048, 5632, 32, 4, 32000),
    "7b": (32, 4096, 11008, 32, 32, 32000),
}
# Of the layers' matrices, of the embedding, of the output; Q4_K_M has Q6_K for some of the matrices, too.
TYPES = {
    "q4_0": (Q.Q4_0, Q.Q8_0, Q.Q8_0),
    "q8_0": (Q.Q8_0, Q.Q8_0, Q.Q8_0),
    "q4_k_m": (Q.Q4_K, Q.Q4_K, Q.Q6_K),
    "q6_k": (Q.Q6_K, Q.Q6_K, Q.Q6_K),
}


def more_bits(layer, layers):
    """The layers whose values and down projections llama.cpp's mix Q4_K_M keeps in Q6_K."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def random_blocks(kind, rows, columns, rng):
    """Blocks of a quantized type with small scales and otherwise random bits."""
    size, count = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows, columns // size, count), dtype=np.uint8)
    scale = np.array([0.5 / columns**0.5 / {Q.Q4_0: 4, Q.Q8_0: 64, Q.Q4_K: 150, Q.Q6_K: 1000}[kind]], np.float16).view(np.uint8)
    if kind in (Q.Q4_0, Q.Q8_0):
        blocks[:, :, :2] = scale
    elif kind == Q.Q4_K:
        blocks[:, :, :2] = scale
        blocks[:, :, 2:4] = (scale.view(np.float16) * np.float16(7.5)).view(np.uint8)
    else:
        blocks[:, :, -2:] = scale
    return blocks.reshape(rows, -1)


def write_model(path, shape, types):
    """A llama with random weights and a vocabulary of made-up pieces."""
    layers, width, feed_forward, heads, kv_heads, vocabulary = shape
    rng = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path + ".partial", "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [2, 3, 3] + [6] * 256 + [1] * (vocabulary - 259)
    pieces += [f"t{number}" for number in range(vocabulary - 259)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(number) for number in range(vocabulary)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def matrix(name, rows, columns, kind):
        if columns % gguf.GGML_QUANT_SIZES[kind][0]:
            sys.exit(f"{name}: {columns} columns do not fit {kind.name}")
        writer.add_tensor(name, random_blocks(kind, rows, columns, rng), raw_dtype=kind)

    inner, embedding, output = types
    kv = width // heads * kv_heads
    matrix("token_embd.weight", vocabulary, width, embedding)
    matrix("output.weight", vocabulary, width, output)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for layer in range(layers):
        name = f"blk.{layer}."
        wide = Q.Q6_K if inner == Q.Q4_K and more_bits(layer, layers) else inner
        writer.add_tensor(name + "attn_norm.weight", np.ones(width, np.float32))
        writer.add_tensor(name + "ffn_norm.weight", np.ones(width, np.float32))
        matrix(name + "attn_q.weight", width, width, inner)
        matrix(name + "attn_k.weight", kv, width, inner)
        matrix(name + "attn_v.weight", kv, width, wide)
        matrix(name + "attn_output.weight", width, width, inner)
        matrix(name + "ffn_gate.weight", feed_forward, width, inner)
        matrix(name + "ffn_up.weight", feed_forward, width, inner)
        matrix(name + "ffn_down.weight", width, feed_forward, wide)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.rename(path + ".partial", path)
