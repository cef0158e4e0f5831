"""Times one TriPosT iteration in tripost and in transformers with PEFT; called by scripts/compare-iteration.

Both answer the same questions with the same number of new tokens at temperature 1, train rank 16 on all linear layers with AdamW on the same
rows, and answer the test questions with the adapter. The questions share a beginning, as those of a task do. tripost's times are those of
three whole processes, each of which loads the quantized model anew. The script's times leave loading out; its weights are bfloat16 (or
float32) of the same shape, it generates all answers in one batch, and it merges the adapter before the test, which is its fastest way.
Random weights end no text early, and evaluation samples, too: greedy text of random weights repeats itself, which tripost would guess ahead.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time

from compare_rollouts import prompts
from compare_training import child, peft_model
from shapes import SHAPES, TYPES, write_model

PHASES = ["rollouts", "training", "evaluation"]
SAMPLING = "--temp 1 --top-k 0 --top-p 1 --min-p 0 --json".split()


def tokens(program, model, text):
    return json.loads(child([program, "tokenize", "-m", model, "-p", text, "--json"])[0])["tokens"]


def work(program, model, options):
    """Texts for tripost and the same as token ids: questions, test questions, rows of just the length that was asked for."""
    rng = random.Random(1)
    texts = prompts("random", options.questions + options.test, rng)
    row = lambda count: "".join(f"t{rng.randrange(100, 1000)}" for _ in range(count))  # noqa: E731
    # BOS, EOS and what the tokenizer puts in front of a text.
    ends = len(tokens(program, model, row(8))) - 8 + 1
    rows = [row(options.length - ends) for _ in range(options.rows)]
    ids = {
        "questions": [tokens(program, model, text) for text in texts[: options.questions]],
        "test": [tokens(program, model, text) for text in texts[options.questions :]],
        "rows": [tokens(program, model, text) + [2] for text in rows],
    }
    assert all(len(row) == options.length for row in ids["rows"]), "a row has another length"
    return texts, rows, ids


def ours(program, model, texts, rows, options):
    """Seconds of each phase, and the peak of memory in GB."""
    with tempfile.TemporaryDirectory() as folder:
        for name, key, lines in [
            ("questions", "prompt", texts[: options.questions]), ("test", "prompt", texts[options.questions :]), ("rows", "text", rows),
        ]:  # fmt: skip
            with open(f"{folder}/{name}.jsonl", "w") as file:
                file.writelines(json.dumps({key: line}) + "\n" for line in lines)
        common = ["-m", model, "-t", options.threads]
        generate = [program, "generate", *common, "-n", options.tokens, *SAMPLING, "--parallel", options.parallel, "--prompts"]
        train = [program, "train", *common, "--data", f"{folder}/rows.jsonl", "--output", f"{folder}/out", "--epochs", 1]
        commands = [
            [*generate, f"{folder}/questions.jsonl"],
            [*train, "--batch-size", options.batch, "--warmup-ratio", 0],
            [*generate, f"{folder}/test.jsonl", "--lora", f"{folder}/out/adapter"],
        ]
        seconds, memory = [], 0
        for command in commands:
            output, spent, peak = child(command)
            seconds.append(spent)
            memory = max(memory, peak)
            if command[1] == "generate":
                made = sum(len(json.loads(line)["tokens"]) for line in output.splitlines())
                wanted = len(output.splitlines()) * options.tokens
                if made < 0.98 * wanted:
                    print(f"only {made} of {wanted} tokens: a text ended early", file=sys.stderr)
    return seconds, memory


def theirs(ids, options, dtype):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(ids, file)
        file.flush()
        command = [sys.executable, __file__, "--peft", file.name, dtype, "--shape", options.shape, "-t", options.threads]
        command += ["--tokens", options.tokens, "--batch", options.batch]
        output, _, memory = child(command)
    return json.loads(output.splitlines()[-1]), memory


def iterate_with_peft(path, dtype, options):
    """Prints the seconds of each phase."""
    import torch

    with open(path) as file:
        ids = json.load(file)
    network = peft_model(options.shape, dtype, options.threads)

    def answer(questions):
        network.eval()
        longest = max(map(len, questions))
        rows = torch.tensor([[0] * (longest - len(row)) + row for row in questions])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in questions])
        with torch.inference_mode():
            out = network.generate(
                input_ids=rows, attention_mask=mask, max_new_tokens=options.tokens, min_new_tokens=options.tokens, do_sample=True,
                temperature=1.0, top_k=0, top_p=1.0, pad_token_id=0, use_cache=True,
            )  # fmt: skip
        assert out.shape[1] == longest + options.tokens

    def train():
        network.train()
        trained = [weight for weight in network.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=2e-4)
        for start in range(0, len(ids["rows"]), options.batch):
            rows = torch.tensor(ids["rows"][start : start + options.batch])
            network(input_ids=rows, labels=rows, use_cache=False).loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()

    def rollouts():
        with network.disable_adapter():
            answer(ids["questions"])

    def evaluate():
        network.merge_adapter()
        answer(ids["test"])

    seconds = []
    for phase in (rollouts, train, evaluate):
        started = time.monotonic()
        phase()
        seconds.append(time.monotonic() - started)
    print(json.dumps(seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="folder of the peers")
    parser.add_argument("--program", default=".build/release/tripost")
    parser.add_argument("--shape", choices=list(SHAPES), default="1.1b")
    parser.add_argument("--type", choices=list(TYPES), default="q4_0")
    parser.add_argument("--dtypes", default="bf16", help="of the script's weights: bf16, f32 or both with a comma")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--test", type=int, default=24, help="test questions")
    parser.add_argument("--tokens", type=int, default=100, help="new tokens of an answer")
    parser.add_argument("--rows", type=int, default=8, help="training rows")
    parser.add_argument("--length", type=int, default=256, help="tokens of a training row")
    parser.add_argument("--batch", type=int, default=4, help="rows of a training step")
    parser.add_argument("--parallel", type=int, default=32, help="sequences that tripost has in flight")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peft", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peft:
        return iterate_with_peft(*options.peft, options)
    model = f"{options.peers}/{options.shape}-{options.type}.gguf"
    if not os.path.exists(model):
        write_model(model, SHAPES[options.shape], TYPES[options.type])
    texts, rows, ids = work(options.program, model, options)
    print(
        f"{options.shape} {options.type}, {options.threads} threads: {options.questions} questions x {options.tokens} new tokens, "
        f"{options.rows} rows x {options.length} tokens, {options.test} test questions x {options.tokens}; medians of {options.pairs}\n"
    )
    print("| phase | peer's weights | tripost, s | transformers and PEFT, s | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for dtype in options.dtypes.split(","):
        mine, peers = [], []
        for _ in range(options.pairs):
            mine.append(ours(options.program, model, texts, rows, options))
            peers.append(theirs(ids, options, dtype))
        sides = [[[*seconds, sum(seconds)] for seconds, _ in side] for side in (mine, peers)]
        left, right = ([statistics.median(column) for column in zip(*side)] for side in sides)
        for phase, a, b in zip([*PHASES, "iteration"], left, right):
            print(f"| {phase} | {dtype} | {a:.1f} | {b:.1f} | {b / a:.2f} |")
        a, b = (max(memory for _, memory in side) for side in (mine, peers))
        print(f"| peak memory, GB | {dtype} | {a:.2f} | {b:.2f} | {b / a:.2f} |", flush=True)


if __name__ == "__main__":
    main()
