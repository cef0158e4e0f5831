"""Checks adapters trained here against llama.cpp and PEFT: same base, same adapter, same log-probabilities; and merged models likewise.

    scripts/check-adapters [TRIPOST]

The base is the shipped model with its weights dequantised to F32, and llama.cpp keeps its cache in F32, so that no side rounds; each position's
log-probabilities have to agree within 1e-3. With the quantized file itself llama.cpp rounds otherwise than we do; the difference is
printed and has to stay below 0.2. Plain LoRA, rsLoRA with rank and alpha patterns, and DoRA are trained; DoRA reaches llama.cpp merged. Merged
tensors are compared byte by byte with what the gguf package's quantizers make of W + scale * B A, and MLX folders with PEFT's by their formula.
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np
import peft
import torch
import transformers
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRIPOST = sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/release/tripost"
BASE = next((ROOT / "models").glob("*-q8_0.gguf"))
TEXT = "Q: ((3 + -4 * 2 - 1) * (8 - 5 + -6 * 2)) =\nAnswer: Let's think step by step.\n(1) This equation"
TOP = 50


def tripost(*arguments):
    done = subprocess.run([TRIPOST, *map(str, arguments)], check=True, capture_output=True, text=True)
    return done.stdout


def dequantised(path, target):
    """The file with every matrix as F32, and its fields and tensors."""
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            kind = field.types[0]
            writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape([int(n) for n in reversed(t.shape)]) for t in reader.tensors}
    for name, values in tensors.items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {name: field.contents() for name, field in reader.fields.items() if name.startswith("llama.")}, tensors


def hugging_face(fields, tensors):
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    config = transformers.LlamaConfig(
        vocab_size=tensors["token_embd.weight"].shape[0], hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"], num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=heads, num_key_value_heads=kv_heads, rms_norm_eps=fields["llama.attention.layer_norm_rms_epsilon"],
        rope_theta=fields.get("llama.rope.freq_base", 10000.0), max_position_embeddings=fields["llama.context_length"],
        tie_word_embeddings="output.weight" not in tensors, attn_implementation="eager",
    )
    model = transformers.LlamaForCausalLM(config).eval()

    def halves(values, count):
        """GGUF's neighbouring pairs back to Hugging Face's two halves of a head."""
        rows, columns = values.shape
        return values.reshape(count, rows // count // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)

    names = {"attn_output": "self_attn.o_proj", "attn_v": "self_attn.v_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
             "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
    state = {"model.embed_tokens.weight": tensors["token_embd.weight"], "model.norm.weight": tensors["output_norm.weight"],
             "lm_head.weight": tensors.get("output.weight", tensors["token_embd.weight"])}
    for layer in range(config.num_hidden_layers):
        for ours, theirs in names.items():
            state[f"model.layers.{layer}.{theirs}.weight"] = tensors[f"blk.{layer}.{ours}.weight"]
        state[f"model.layers.{layer}.self_attn.q_proj.weight"] = halves(tensors[f"blk.{layer}.attn_q.weight"], heads)
        state[f"model.layers.{layer}.self_attn.k_proj.weight"] = halves(tensors[f"blk.{layer}.attn_k.weight"], kv_heads)
    model.load_state_dict({name: torch.tensor(np.ascontiguousarray(values)) for name, values in state.items()})
    return model


def ours(base, adapter):
    """Token ids, and for each position the ids and log-probabilities of the likeliest tokens."""
    arguments = ["--lora", adapter] if adapter else []
    scored = json.loads(tripost("score", "-m", base, *arguments, "-p", TEXT, "--json", "--logits-top", TOP))
    return scored["tokens"], scored["top"]


def llama_cpp_logits(base, adapter, tokens):
    model = llama_cpp.Llama(str(base), lora_path=str(adapter) if adapter else None, logits_all=True, n_ctx=512, verbose=False,
                            flash_attn=False, type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32)
    model.eval(tokens)
    return torch.tensor(np.array(model.scores[: len(tokens)]))


def worst(logits, tops):
    logarithms = torch.log_softmax(logits.double(), -1)
    return max(abs(logarithms[spot, entry["id"]].item() - entry["logprob"]) for spot, top in enumerate(tops) for entry in top)


def pairs(values, heads):
    """Two halves of a head to the neighbouring pairs of GGUF."""
    rows = values.shape[0]
    return values.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)


def deltas(folder, fields):
    """scale * B A and the magnitudes of a PEFT folder by GGUF's tensor names and row order."""
    config, tensors = json.loads((folder / "adapter_config.json").read_text()), load_file(folder / "adapter_model.safetensors")
    names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate", "up_proj": "ffn_up",
             "down_proj": "ffn_down"}
    heads = {"attn_q": fields["llama.attention.head_count"], "attn_k": fields["llama.attention.head_count_kv"]}
    found = {}
    for key, a in tensors.items():
        if not key.endswith("lora_A.weight"):
            continue
        stem = key.removesuffix(".lora_A.weight")
        module, name = stem.removeprefix("base_model.model."), names[stem.split(".")[-1]]
        alpha = config["alpha_pattern"].get(module, config["lora_alpha"])
        b, magnitude = tensors[f"{stem}.lora_B.weight"], tensors.get(f"{stem}.lora_magnitude_vector")
        delta = alpha / (math.sqrt(len(a)) if config["use_rslora"] else len(a)) * (b.astype(np.float64) @ a)
        if name in heads:
            delta = pairs(delta, heads[name])
            magnitude = None if magnitude is None else pairs(magnitude, heads[name])
        found[f"blk.{module.split('.')[2]}.{name}.weight"] = delta, magnitude
    return found


def merged_error(base, merged, folder, fields):
    """The share of bytes that differ from gguf's quantizers on the sum in double precision, and whether all else is the base's."""
    ours, theirs, changes = gguf.GGUFReader(merged), {t.name: t for t in gguf.GGUFReader(base).tensors}, deltas(folder, fields)
    differ = total = 0
    for tensor in ours.tensors:
        before = theirs[tensor.name]
        if tensor.name not in changes:
            assert tensor.tensor_type == before.tensor_type and np.array_equal(tensor.data, before.data), tensor.name
            continue
        delta, magnitude = changes[tensor.name]
        values = gguf.quants.dequantize(before.data, before.tensor_type).reshape(delta.shape).astype(np.float64) + delta
        if magnitude is not None:
            values *= (magnitude / np.linalg.norm(values, axis=1))[:, None]
        expected = gguf.quants.quantize(values.astype(np.float32), tensor.tensor_type)
        differ += np.count_nonzero(expected.view(np.uint8).reshape(-1) != tensor.data.view(np.uint8).reshape(-1))
        total += expected.nbytes
    return differ / total


def mlx_error(mlx, peft_folder):
    """The largest difference of scale * (A B)^T of an MLX folder and PEFT's scale * B A, over the largest value."""
    scale = json.loads((mlx / "adapter_config.json").read_text())["lora_parameters"]["scale"]
    theirs, config = load_file(peft_folder / "adapter_model.safetensors"), json.loads((peft_folder / "adapter_config.json").read_text())
    ours, worst = load_file(mlx / "adapters.safetensors"), 0.0
    for key, a in ours.items():
        if key.endswith(".lora_a"):
            module = key.removesuffix(".lora_a")
            pa, pb = (theirs[f"base_model.model.{module}.lora_{half}.weight"] for half in "AB")
            alpha = config["alpha_pattern"].get(module, config["lora_alpha"])
            expected = alpha / (math.sqrt(len(pa)) if config["use_rslora"] else len(pa)) * (pb @ pa)
            worst = max(worst, np.abs(scale * (a @ ours[f"{module}.lora_b"]).T - expected).max() / np.abs(expected).max())
    return worst


KINDS = {
    "LoRA": [],
    "rsLoRA with patterns": ["--rslora", "-r", 8, "--lora-alpha", 4, "--lora-rank-pattern", "down_proj=4,blk.0.attn_q=2",
                             "--lora-alpha-pattern", "mlp.up_proj=9"],
    "DoRA": ["--dora", "-r", 8],
}


def main():
    failed = False

    def report(name, difference, allowed):
        nonlocal failed
        failed |= not difference <= allowed
        print(f"{'ok ' if difference <= allowed else 'BAD'} {name}: {difference:.2e} (allowed {allowed:g})")

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        fields, tensors = dequantised(BASE, folder / "base.gguf")
        rows = [{"prompt": f"Q: ({a} * {b}) =\nAnswer:", "completion": f" {a * b}."} for a in range(2, 6) for b in range(3, 9)]
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for index, (kind, flags) in enumerate(KINDS.items()):
            for name, base in (("F32", folder / "base.gguf"), ("Q8_0", BASE)):
                title, run = f"{name}, {kind}", folder / f"{name}-{index}"
                tripost("train", "-m", base, "--data", folder / "rows.jsonl", "--output", run, "--epochs", 2, "--learning-rate", 1e-3, *flags)
                allowed = 1e-3 if name == "F32" else 0.2
                tokens, plain = ours(base, None)
                _, tops = ours(base, run / "adapter")
                if index == 0:
                    report(f"{name}: llama.cpp without an adapter", worst(llama_cpp_logits(base, None, tokens), plain), allowed)
                if kind != "DoRA":
                    tripost("export", run / "adapter", "--to", "gguf", "-o", run / "exported.gguf")
                    logits = llama_cpp_logits(base, run / "exported.gguf", tokens)
                    report(f"{title}: llama.cpp with our adapter", worst(logits, tops), allowed)
                tripost("export", run / "adapter", "--to", "mlx", "-o", run / "mlx")
                report(f"{title}: the MLX folder's formula", mlx_error(run / "mlx", run / "adapter"), 1e-5)
                tripost("export", run / "mlx", "--to", "peft", "-o", run / "exported")
                if name == "F32":
                    model = peft.PeftModel.from_pretrained(hugging_face(fields, tensors), run / "exported").eval()
                    with torch.no_grad():
                        logits = model(torch.tensor([tokens])).logits[0]
                    report(f"{title}: PEFT with our adapter, by way of MLX", worst(logits, tops), allowed)
                for to in ("F32", "Q8_0", "Q4_0", "F16", "BF16") if name == "F32" else ("same",):
                    path = run / f"merged-{to}.gguf"
                    tripost("export", run / "adapter", "--to", "merged", "-m", base, "-o", path, "--type", to, "--force")
                    # Sums of floats round otherwise than those of doubles, and a step of a quantizer may flip.
                    report(f"{title}: bytes merged as {to} that differ from gguf's", merged_error(base, path, run / "adapter", fields),
                           0.35 if to == "F32" else 0.002)
                    logits = llama_cpp_logits(path, None, tokens)
                    report(f"{title}: llama.cpp with the model merged as {to}", worst(logits, ours(path, None)[1]),
                           1e-3 if to == "F32" else 0.2)
                    if to == "F32":
                        report(f"{title}: llama.cpp, merged against base and adapter", worst(logits, tops), allowed)
                effect = worst(logits, plain)
                print(f"    the adapter moves log-probabilities by up to {effect:.2f}")
                failed |= effect < 0.05
    sys.exit(failed)


if __name__ == "__main__":
    main()
