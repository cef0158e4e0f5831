"""Rollouts as TriPosT makes them, timed on tripost, llama.cpp's server and transformers; called by scripts/compare-peers --rollouts.

Many prompts that begin alike, temperature 1 over the whole vocabulary, a fixed number of new tokens. The server gets as many
requests at once as it has slots, at the number of slots that is fastest for it, and keeps the common beginning in every slot's cache.
transformers runs the dequantised model in bf16, in batches.
"""

import concurrent.futures
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request


def prompts(kind, count, rng):
    """Texts with a common beginning of some 200 tokens and an end of their own."""
    if kind == "shipped":
        lead = "Answer: Let's think step by step.\n"
        example = "Q: ((3 + -4 * 2 - 1) * (8 - 5 + -6 * 2)) =\n" + lead
        solved = "(2) Let's calculate A = (3 + -4 * 2 - 1) = ((3 + (-4 * 2)) - 1) = ((3 + -8) - 1) = (-5 - 1) = -6.\n"
        numbers = lambda: f"({rng.randint(-9, 9)} + {rng.randint(-9, 9)} * {rng.randint(-9, 9)})"  # noqa: E731
        return [example + 3 * solved + f"Q: ({numbers()} * {numbers()}) =\n" + lead for _ in range(count)]
    common = "".join(f"t{number * 37 % 900 + 100}" for number in range(200))
    return [common + "".join(f"t{rng.randrange(100, 1000)}" for _ in range(8)) for _ in range(count)]


def ours(program, model, texts, new, threads, parallel):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for text in texts:
            file.write(json.dumps({"prompt": text}) + "\n")
        file.flush()
        sampling = "--temp 1 --top-k 0 --top-p 1 --min-p 0".split()
        command = [program, "generate", "-m", model, "--prompts", file.name, "-n", str(new), "-t", str(threads), "--json"]
        started = time.monotonic()
        done = subprocess.run([*command, *sampling, "--parallel", str(parallel)], capture_output=True, text=True, check=True)
        seconds = time.monotonic() - started
    return sum(len(json.loads(line)["tokens"]) for line in done.stdout.splitlines()) / seconds


class Server:
    """llama.cpp's server with a number of slots; a context manager."""

    def __init__(self, programs, model, slots, context, threads):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.slots = slots
        flags = ["-np", str(slots), "-c", str(slots * context), "-t", str(threads), "--port", str(self.port), "--no-webui"]
        self.process = subprocess.Popen(
            [f"{programs}/llama-server", "-m", model, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def ask(self, text, new):
        body = {"prompt": text, "n_predict": new, "temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "ignore_eos": True}
        data = json.dumps(body | {"cache_prompt": True, "return_tokens": False}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/completion", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)["tokens_predicted"]

    def __enter__(self):
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health").read()
                return self
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("llama-server did not start")
                time.sleep(0.2)
        sys.exit("llama-server did not become ready")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def rate(self, texts, new):
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(self.slots) as pool:
            tokens = sum(pool.map(lambda text: self.ask(text, new), texts))
        return tokens / (time.monotonic() - started)


def theirs(programs, model, texts, new, threads, slots):
    with Server(programs, model, slots, 512, threads) as server:
        server.rate(texts[:slots], 2)
        return server.rate(texts, new)


def transformers_rate(model, texts, new, threads, batch):
    """Run in a process of its own: `python compare_rollouts.py MODEL NEW THREADS BATCH < texts`."""
    command = [sys.executable, __file__, model, str(new), str(threads), str(batch)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return float(done.stdout.split()[-1])


def generate_with_transformers(model, new, threads, batch):
    import torch
    import transformers

    torch.set_num_threads(threads)
    texts = json.load(sys.stdin)
    folder, name = os.path.split(os.path.abspath(model))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    network = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16).eval()
    tokenizer.padding_side, tokenizer.pad_token_id = "left", 0
    tokens, seconds = 0, 0.0
    for begin in range(0, len(texts), batch):
        rows = tokenizer(texts[begin : begin + batch], return_tensors="pt", padding=True)
        started = time.monotonic()
        with torch.inference_mode():
            out = network.generate(
                **rows, max_new_tokens=new, min_new_tokens=new, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, pad_token_id=0
            )
        seconds += time.monotonic() - started
        tokens += out.shape[0] * (out.shape[1] - rows["input_ids"].shape[1])
    print(tokens / seconds)


def compare(programs, program, name, model, options, with_transformers):
    """Rows of the table for one model."""
    rng = random.Random(1)
    texts, new = prompts(name, options.rollouts, rng), options.rollout_tokens
    trial = texts[: max(32, len(texts) // 6)]
    rates = {slots: theirs(programs, model, trial, new // 2, options.threads, slots) for slots in (4, 8, 16, 32)}
    slots = max(rates, key=rates.get)
    print(f"{name}: the server at {', '.join(f'{s} slots {r:.0f}' for s, r in rates.items())} tokens/s", file=sys.stderr)
    mine, peers = [], []
    for _ in range(options.rollout_pairs):
        mine.append(ours(program, model, texts, new, options.threads, options.parallel))
        peers.append(theirs(programs, model, texts, new, options.threads, slots))
    row(name, f"llama-server, {slots} slots", mine, peers)
    if with_transformers:
        few = texts[: options.transformers_prompts]
        peers = [transformers_rate(model, few, new, options.threads, min(32, len(few)))]
        row(name, "transformers bf16", mine, peers)


def row(name, peer, mine, peers):
    left, right = statistics.median(mine), statistics.median(peers)
    print(f"| {name} | rollouts, against {peer} | {left:.1f} | {right:.1f} | {left / right:.2f} | |", flush=True)


if __name__ == "__main__":
    generate_with_transformers(sys.argv[1], *map(int, sys.argv[2:]))
