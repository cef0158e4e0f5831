"""Writes a checkpoint as GGUF files and checks them: `python export.py CHECKPOINT TOKENIZER FOLDER`.

Q8_0: every matrix. Q4_0: the matrices of the layers; the token embedding, which is the output as well,
stays at Q8_0. Norms are F32. Each file is read back, dequantised and measured.
"""

import argparse
import hashlib
import json
import os

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGMLQuantizationType as Type

import evaluate
import tokenizer
from model import Llama, Shape
from pretrain import IGNORED, batch

NAME = "tripost-6m"
DESCRIPTION = (
    "A small LLaMA pretrained from nothing on generated texts of Multistep Arithmetic, Word Sorting, Date Understanding and "
    "Logical Deduction: solutions, checked and updated solutions. It solves them imperfectly, on purpose."
)


def matrices(model):
    """GGUF name and F32 values of every tensor. The rotary layout is GGUF's own, so rows stay in order."""
    shape = model.shape
    queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    found = {"token_embd.weight": model.embedding.weight, "output_norm.weight": model.norm.weight}
    for index, layer in enumerate(model.layers):
        q, k, v = layer.query_key_value.weight.split((queries, keys, keys))
        gate, up = layer.gate_up.weight.chunk(2)
        found |= {
            f"blk.{index}.attn_norm.weight": layer.attention_norm.weight,
            f"blk.{index}.attn_q.weight": q,
            f"blk.{index}.attn_k.weight": k,
            f"blk.{index}.attn_v.weight": v,
            f"blk.{index}.attn_output.weight": layer.attention_output.weight,
            f"blk.{index}.ffn_norm.weight": layer.feed_forward_norm.weight,
            f"blk.{index}.ffn_gate.weight": gate,
            f"blk.{index}.ffn_up.weight": up,
            f"blk.{index}.ffn_down.weight": layer.down.weight,
        }
    return {name: value.detach().float().numpy() for name, value in found.items()}


def write(path, model, processor, kind):
    shape = model.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"TriPosT 6M {kind.name}")
    writer.add_description(DESCRIPTION)
    writer.add_license("mit")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if kind == Type.Q8_0 else gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    ids = range(processor.vocab_size())
    types = [
        gguf.TokenType.UNKNOWN if processor.is_unknown(i)
        else gguf.TokenType.CONTROL if processor.is_control(i)
        else gguf.TokenType.BYTE if processor.is_byte(i)
        else gguf.TokenType.NORMAL
        for i in ids
    ]  # fmt: skip
    writer.add_tokenizer_model("llama")
    writer.add_token_list([processor.id_to_piece(i) for i in ids])
    writer.add_token_scores([processor.get_score(i) for i in ids])
    writer.add_token_types(types)
    writer.add_bos_token_id(processor.bos_id())
    writer.add_eos_token_id(processor.eos_id())
    writer.add_unk_token_id(processor.unk_id())
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    for name, values in matrices(model).items():
        if values.ndim == 1:
            writer.add_tensor(name, values)
            continue
        used = Type.Q8_0 if name == "token_embd.weight" else kind
        writer.add_tensor(name, gguf.quants.quantize(values, used), raw_dtype=used)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read(path, shape):
    """A model from the dequantised tensors of a file."""
    tensors = {
        tensor.name: torch.from_numpy(np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type)))
        for tensor in gguf.GGUFReader(path).tensors
    }
    state = {"embedding.weight": tensors["token_embd.weight"], "norm.weight": tensors["output_norm.weight"]}
    for index in range(shape.layers):
        part = {name: tensors[f"blk.{index}.{name}.weight"] for name in (
            "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"
        )}  # fmt: skip
        state |= {
            f"layers.{index}.attention_norm.weight": part["attn_norm"],
            f"layers.{index}.query_key_value.weight": torch.cat([part["attn_q"], part["attn_k"], part["attn_v"]]),
            f"layers.{index}.attention_output.weight": part["attn_output"],
            f"layers.{index}.feed_forward_norm.weight": part["ffn_norm"],
            f"layers.{index}.gate_up.weight": torch.cat([part["ffn_gate"], part["ffn_up"]]),
            f"layers.{index}.down.weight": part["ffn_down"],
        }
    model = Llama(shape)
    model.load_state_dict({name: value.float() for name, value in state.items()})
    return model


@torch.inference_mode()
def loss(model, processor, batches=1):
    """Mean loss on generated text of another seed than the training's."""
    found = []
    for step in range(batches):
        inputs, targets, *_ = batch(1000, step, 8192, 1024, processor)
        found.append(F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED))
    return torch.stack(found).mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("tokenizer")
    parser.add_argument("folder")
    parser.add_argument("--questions", type=int, default=10, help="questions of each seen cell to measure with")
    options = parser.parse_args()
    torch.set_num_threads(2)
    with open(options.tokenizer, "rb") as file:
        processor = tokenizer.load(file.read())
    model = Llama(Shape(vocabulary=processor.vocab_size()))
    model.load_state_dict(torch.load(options.checkpoint)["model"])
    questions = evaluate.held_out(evaluate.SEEN, options.questions)
    print("F32 loss", f"{loss(model, processor):.4f}")
    evaluate.report(model, processor, questions)
    files = []
    for kind in (Type.Q8_0, Type.Q4_0):
        name = f"{NAME}-{kind.name.lower()}.gguf"
        path = os.path.join(options.folder, name)
        write(path, model, processor, kind)
        back = read(path, model.shape)
        print(name, "loss", f"{loss(back, processor):.4f}")
        evaluate.report(back, processor, questions)
        with open(path, "rb") as file:
            data = file.read()
        files.append({"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    manifest = {
        "name": NAME,
        "source": "made here by models/recipe (see models/README.md); no outside weights or data",
        "license": "MIT",
        "files": files,
    }
    with open(os.path.join(options.folder, "manifest.json"), "w") as file:
        json.dump(manifest, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
