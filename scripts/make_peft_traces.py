"""Makes Tests/LoRATests/PEFTTraces: training runs of Hugging Face PEFT on a very small F32 model, for the tests to compare with.

    python scripts/make_peft_traces.py        (torch, transformers, peft, gguf, safetensors)

model.gguf is a LLaMA of random weights. Each other folder has an adapter as PEFT saved it before the first step, the gradients of the first step
under PEFT's names, and trace.json with the optimizer's settings and every step's loss and gradient norm, computed in double precision.
"""

import json
import pathlib

import gguf
import numpy as np
import peft
import torch
import transformers
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import save_file

TARGET = pathlib.Path(__file__).resolve().parent.parent / "Tests/LoRATests/PEFTTraces"
WIDTH, HEADS, KV_HEADS, FEED_FORWARD, LAYERS, VOCABULARY, CONTEXT = 16, 2, 1, 24, 2, 32, 32
MODULES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
STEPS = 50

# What each run has: PEFT's configuration, and the optimizer's settings.
RUNS = {
    "rslora": (
        {"r": 2, "lora_alpha": 3, "use_rslora": True, "rank_pattern": {"down_proj": 3, "layers.0.self_attn.q_proj": 1},
         "alpha_pattern": {"mlp.gate_proj": 5, "layers.1.self_attn.v_proj": 2}},
        {"learning_rate": 0.005, "rate_ratio": 1.0, "weight_decay": 0.01},
    ),
    "dora": ({"r": 2, "lora_alpha": 4, "use_dora": True}, {"learning_rate": 0.005, "rate_ratio": 1.0, "weight_decay": 0.01}),
    "loraplus": ({"r": 2, "lora_alpha": 4, "use_dora": True, "use_rslora": True},
                 {"learning_rate": 0.001, "rate_ratio": 8.0, "weight_decay": 0.0}),
}


def base():
    """The model in Hugging Face's form."""
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=FEED_FORWARD, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS, rms_norm_eps=1e-5, rope_theta=10000.0, max_position_embeddings=CONTEXT, tie_word_embeddings=False,
        attn_implementation="eager",
    )
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for name, values in model.named_parameters():
            if "norm" in name:
                values.copy_(1 + 0.1 * torch.randn_like(values))
            else:
                values.copy_((1 if "embed" in name else 0.3) * torch.randn_like(values))
    return model


def write_gguf(model):
    writer = gguf.GGUFWriter(TARGET / "model.gguf", "llama")
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(WIDTH)
    writer.add_context_length(CONTEXT)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", "▁"] + [chr(97 + i) for i in range(VOCABULARY - 4)])
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types([2, 3, 3] + [1] * (VOCABULARY - 3))
    state = {name: values.detach().numpy() for name, values in model.state_dict().items()}

    def pairs(values, heads):
        """Two halves of a head to the neighbouring pairs of GGUF."""
        rows, columns = values.shape
        return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)

    tensors = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"],
               "output.weight": state["lm_head.weight"]}
    for layer in range(LAYERS):
        ours, theirs = f"blk.{layer}", f"model.layers.{layer}"
        tensors[f"{ours}.attn_norm.weight"] = state[f"{theirs}.input_layernorm.weight"]
        tensors[f"{ours}.ffn_norm.weight"] = state[f"{theirs}.post_attention_layernorm.weight"]
        for short, long in MODULES.items():
            values = state[f"{theirs}.{long}.weight"]
            heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(short)
            tensors[f"{ours}.{short}.weight"] = pairs(values, heads) if heads else values
    for name, values in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rows():
    """Rows of token ids; the first few of each are not trained on."""
    generator = np.random.default_rng(3)
    return [([1] + generator.integers(3, VOCABULARY, length - 1).tolist(), masked) for length, masked in ((14, 3), (9, 1), (20, 8))]


def trace(name, settings, optimizer):
    torch.manual_seed(11)
    model = peft.get_peft_model(base(), peft.LoraConfig(
        lora_dropout=0.0, bias="none", task_type="CAUSAL_LM", target_modules=[long.split(".")[1] for long in MODULES.values()], **settings))
    with torch.no_grad():  # B and the magnitudes away from where they begin, so that all gradients say something
        for parameter, values in model.named_parameters():
            if "lora_B" in parameter:
                values.copy_(0.1 * torch.randn_like(values))
            if "magnitude" in parameter:
                values.mul_(1 + 0.1 * torch.randn_like(values))
    model.save_pretrained(TARGET / name)
    (TARGET / name / "README.md").unlink()
    model = model.double().train()
    decay = {"weight_decay": optimizer["weight_decay"]}
    parameters = [values for values in model.parameters() if values.requires_grad]
    if optimizer["rate_ratio"] == 1.0:
        adam = torch.optim.AdamW(parameters, lr=optimizer["learning_rate"], **decay)
    else:
        adam = create_loraplus_optimizer(model, torch.optim.AdamW, lr=optimizer["learning_rate"], loraplus_lr_ratio=optimizer["rate_ratio"],
                                         loraplus_weight_decay=0.0, weight_decay=0.0)
    data, steps = rows(), []
    for step in range(STEPS):
        adam.zero_grad()
        total = sum(len(ids) - masked for ids, masked in data)
        loss = 0
        for ids, masked in data:
            logits = model(torch.tensor([ids])).logits[0]
            loss = loss + torch.nn.functional.cross_entropy(logits[masked - 1:-1], torch.tensor(ids[masked:]), reduction="sum") / total
        loss.backward()
        norm = torch.sqrt(sum((values.grad ** 2).sum() for values in parameters))
        if step == 0:
            names = {parameter.replace(".default", ""): values for parameter, values in model.named_parameters() if values.requires_grad}
            save_file({parameter.replace("magnitude_vector.weight", "magnitude_vector"): values.grad.float() for parameter, values in names.items()},
                      TARGET / name / "gradients.safetensors")
        adam.step()
        steps.append({"loss": loss.item(), "grad_norm": norm.item()})
    with torch.no_grad():
        probe = model(torch.tensor([data[0][0]])).logits[0, -1].tolist()
    content = {"optimizer": optimizer, "rows": [{"ids": ids, "masked": masked} for ids, masked in data], "steps": steps, "final_logits": probe,
               "versions": {"torch": torch.__version__, "peft": peft.__version__, "transformers": transformers.__version__}}
    (TARGET / name / "trace.json").write_text(json.dumps(content) + "\n")
    print(name, steps[0], steps[-1])


def main():
    torch.set_num_threads(1)
    TARGET.mkdir(exist_ok=True)
    write_gguf(base())
    for name, (settings, optimizer) in RUNS.items():
        trace(name, settings, optimizer)


if __name__ == "__main__":
    main()
