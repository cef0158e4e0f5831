"""Times LoRA training in tripost and in PEFT in turns; called by scripts/compare-training.

Both train rank 16 on all linear layers with AdamW, on rows of 512 tokens. A step's time is that of three steps less that of one,
so that loading and first touches do not count. PEFT gets bfloat16 weights and adapters or float32 ones, no checkpointing, and an
allocator that keeps large blocks.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from shapes import SHAPES, TYPES, write_model

LENGTH = 512


def child(command, **options):
    """Standard output, seconds and the peak of memory in GB of a program."""
    started = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return output, time.monotonic() - started, usage.ru_maxrss * 1024 / 1e9


def ours(program, model, rows, threads, extra):
    """Tokens a second, and the peak of memory in GB."""
    # Loading differs by a second from time to time: enough steps that it does not count.
    more = max(2, 8 // rows)
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/rows.jsonl"
        with open(data, "w") as file:
            for row in range((1 + more) * rows):
                text = "".join(f"t{(row * 7919 + number * 37) % 900 + 100}" for number in range(LENGTH))
                file.write(json.dumps({"text": text}) + "\n")
        common = [program, "train", "-m", model, "--data", data, "--batch-size", rows, "-t", threads, *extra]
        seconds, memory = {}, 0
        for steps in (1, 1 + more):
            _, seconds[steps], peak = child([*common, "--max-steps", steps, "--output", f"{folder}/{steps}"])
            memory = max(memory, peak)
    return more * rows * LENGTH / (seconds[1 + more] - seconds[1]), memory


# An allocator that keeps large blocks, and asks for large pages: up to half as fast again in PyTorch.
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 35), "MALLOC_TOP_PAD_": str(1 << 28),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}  # fmt: skip


def theirs(shape, dtype, rows, threads):
    command = [sys.executable, __file__, "--peft", shape, dtype, rows, "-t", threads]
    output, _, memory = child(command, env=os.environ | ALLOCATOR)
    return float(output.split()[-1]), memory


def peft_model(shape, dtype, threads):
    """A model of random weights with a new adapter of rank 16 on all linear layers."""
    import peft
    import torch
    import transformers

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    layers, width, feed_forward, heads, kv_heads, vocabulary = SHAPES[shape]
    configuration = transformers.LlamaConfig(
        num_hidden_layers=layers, hidden_size=width, intermediate_size=feed_forward, num_attention_heads=heads,
        num_key_value_heads=kv_heads, vocab_size=vocabulary, pad_token_id=0,
    )  # fmt: skip
    kind = {"bf16": torch.bfloat16, "f32": torch.float32}[dtype]
    with torch.device("meta"):
        network = transformers.LlamaForCausalLM(configuration).to(kind)
    network.to_empty(device="cpu")
    with torch.no_grad():
        for weight in network.parameters():
            weight.uniform_(-0.02, 0.02) if weight.ndim == 2 else weight.fill_(1)
        network.model.rotary_emb = type(network.model.rotary_emb)(configuration)
    adapter = peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    return peft.get_peft_model(network, adapter, autocast_adapter_dtype=False)


def train_with_peft(shape, dtype, rows, threads):
    import torch

    network = peft_model(shape, dtype, threads).train()
    vocabulary = SHAPES[shape][-1]
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4)
    seconds = []
    for _ in range(3):
        ids = torch.randint(3, vocabulary, (rows, LENGTH))
        started = time.monotonic()
        loss = network(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.monotonic() - started)
    print(rows * LENGTH / statistics.mean(seconds[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="folder of the peers")
    parser.add_argument("--program", default=".build/release/tripost")
    parser.add_argument("--shape", choices=list(SHAPES), default="1.1b")
    parser.add_argument("--type", choices=list(TYPES), default="q4_0")
    parser.add_argument("--dtypes", default="bf16,f32", help="of PEFT's weights")
    parser.add_argument("--rows", default="1,4", help="rows of a step")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--train-options", default="", help="more options of `tripost train`")
    parser.add_argument("--peft", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peft:
        shape, dtype, rows = options.peft
        return train_with_peft(shape, dtype, int(rows), options.threads)
    model = f"{options.peers}/{options.shape}-{options.type}.gguf"
    if not os.path.exists(model):
        write_model(model, SHAPES[options.shape], TYPES[options.type])
    print("| rows | PEFT's weights | tripost, tokens/s | PEFT, tokens/s | ratio | tripost, GB | PEFT, GB | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for rows in map(int, options.rows.split(",")):
        for dtype in options.dtypes.split(","):
            pairs = []
            for _ in range(options.pairs):
                mine = ours(options.program, model, rows, options.threads, options.train_options.split())
                pairs.append((mine, theirs(options.shape, dtype, rows, options.threads)))
            speed, memory = ([statistics.median(pair[side][what] for pair in pairs) for side in (0, 1)] for what in (0, 1))
            print(
                f"| {rows} x {LENGTH} | {dtype} | {speed[0]:.1f} | {speed[1]:.1f} | {speed[0] / speed[1]:.2f} "
                f"| {memory[0]:.2f} | {memory[1]:.2f} | {memory[1] / memory[0]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
