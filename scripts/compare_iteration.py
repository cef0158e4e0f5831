"""Times one TriPosT iteration in tripost and in transformers with PEFT; called by scripts/compare-iteration.

The iteration is that of Multistep Arithmetic (docs/tripost.md), divided by --scale: 600 questions are answered, 300 texts are trained on for
one epoch in steps of 4, 360 test questions are answered with the adapter. Lengths are those of this task's texts in LLaMA-2's tokens:

- prompts of some 120 tokens; a question comes first in them, so they have little in common (--common gives them a common beginning);
- answers to training questions of 140 to 220 tokens, with the verdict on them;
- test answers: a third like these, the others, to larger questions or with an update, of 220 to 480;
- of seven training texts four of 265 to 290 tokens (right answers and solutions) and three of 550 to 580 (with an update).

Both sides get the same prompts, lengths and rows. Each of tripost's texts stops at its length (`n_predict` of its row), and another takes
its place. transformers runs a batch until its longest text is done; lengths are not known beforehand, so batches are in the order of the
questions, of the size that a trial finds fastest; its training rows are sorted by length, which spares it padding. Temperature is 1 on
both sides, in the test, too: greedy text of random weights repeats itself, which tripost would guess ahead.

tripost's times are those of three whole processes, loading, hashing and saving included. The script's leave out imports and loading; its
weights are bfloat16 (or float32), it saves the adapter, merges it before the test, and has an allocator that keeps large blocks.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time

from compare_training import ALLOCATOR, child, peft_model
from shapes import SHAPES, TYPES, write_model

PHASES = ["rollouts", "training", "test"]
SAMPLING = "--temp 1 --top-k 0 --top-p 1 --min-p 0 --json".split()
BATCH = 4


def tokens(program, model, text):
    return json.loads(child([program, "tokenize", "-m", model, "-p", text, "--json"])[0])["tokens"]


def work(program, model, options):
    """Texts for tripost and the same as token ids, with the lengths of the answers."""
    rng = random.Random(1)
    text = lambda count: "".join(f"t{rng.randrange(100, 1000)}" for _ in range(count))  # noqa: E731
    # BOS and what the tokenizer puts in front of a text; EOS.
    front = len(tokens(program, model, text(8))) - 8
    common = text(options.common)
    short, long = lambda: rng.randint(140, 220), lambda: rng.randint(220, 480)  # noqa: E731

    def questions(count, lengths):
        prompts = [common + text(rng.randint(105, 135) - front) for _ in range(count)]
        return [
            {"prompt": prompt, "ids": tokens(program, model, prompt), "new": length()}
            for prompt, length in zip(prompts, lengths)
        ]

    training, test = max(1, 600 // options.scale), max(1, 360 // options.scale)
    rows = [
        text((rng.randint(550, 580) if number % 7 in (1, 3, 5) else rng.randint(265, 290)) - front - 1)
        for number in range(max(BATCH, 300 // options.scale // BATCH * BATCH))
    ]
    return {
        "rollouts": questions(training, [short] * training),
        "test": questions(test, [long if number % 3 else short for number in range(test)]),
        "rows": [{"text": row, "ids": tokens(program, model, row) + [2]} for row in rows],
    }


def ours(program, model, work, options):
    """Seconds of each phase, and the peak of memory in GB."""
    with tempfile.TemporaryDirectory() as folder:

        def file(name, rows):
            with open(f"{folder}/{name}.jsonl", "w") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            return file.name

        common = ["-m", model, "-t", options.threads]
        generate = [program, "generate", *common, *SAMPLING, "--parallel", options.parallel, "--prompts"]
        prompts = {
            phase: file(phase, [{"prompt": row["prompt"], "n_predict": row["new"]} for row in work[phase]])
            for phase in ("rollouts", "test")
        }
        rows = file("rows", [{"text": row["text"]} for row in work["rows"]])
        train = [program, "train", *common, "--data", rows, "--output", f"{folder}/out", "--epochs", 1]
        commands = [
            [*generate, prompts["rollouts"]],
            [*train, "--batch-size", BATCH, "--warmup-ratio", 0, *options.train_options.split()],
            [*generate, prompts["test"], "--lora", f"{folder}/out/adapter"],
        ]
        seconds, memory = [], 0
        for phase, command in zip(PHASES, commands):
            output, spent, peak = child(command)
            seconds.append(spent)
            memory = max(memory, peak)
            if phase != "training":
                made = sum(len(json.loads(line)["tokens"]) for line in output.splitlines())
                wanted = sum(row["new"] for row in work[phase])
                if made < 0.98 * wanted:
                    print(f"only {made} of {wanted} tokens: texts ended early", file=sys.stderr)
    return seconds, memory


def theirs(work, options, dtype):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(work, file)
        file.flush()
        command = [sys.executable, __file__, "--peft", file.name, dtype, "--shape", options.shape, "-t", options.threads]
        output, _, memory = child([*command, "--batches", options.batches], env=os.environ | ALLOCATOR)
    result = json.loads(output.splitlines()[-1])
    print(f"transformers, tokens/s of a trial by batch: {result['trial']}; took {result['batch']}", file=sys.stderr)
    return result["seconds"], memory


def iterate_with_peft(path, dtype, options):
    """Prints the seconds of each phase, and how the batch was chosen."""
    import torch

    with open(path) as file:
        work = json.load(file)
    network = peft_model(options.shape, dtype, options.threads)

    def generate(questions, new):
        network.eval()
        longest = max(map(len, questions))
        rows = torch.tensor([[0] * (longest - len(row)) + row for row in questions])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in questions])
        with torch.inference_mode():
            out = network.generate(
                input_ids=rows, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, do_sample=True, temperature=1.0,
                top_k=0, top_p=1.0, pad_token_id=0, use_cache=True,
            )  # fmt: skip
        assert out.shape[1] == longest + new

    def trial(batch, new=8):
        """Tokens a second of new tokens after prompts, in a batch."""
        questions = [row["ids"] for row in (work["rollouts"] * batch)[:batch]]
        seconds = []
        for count in (1, 1 + new):
            started = time.monotonic()
            generate(questions, count)
            seconds.append(time.monotonic() - started)
        return round(batch * new / (seconds[1] - seconds[0]), 1)

    def answer(rows, batch):
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            generate([row["ids"] for row in part], max(row["new"] for row in part))

    def train():
        network.train()
        trained = [weight for weight in network.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=2e-4)
        texts = sorted((row["ids"] for row in work["rows"]), key=len)
        steps = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        random.Random(2).shuffle(steps)
        for step in steps:
            longest = max(map(len, step))
            rows = torch.tensor([row + [0] * (longest - len(row)) for row in step])
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in step])
            labels = rows.masked_fill(mask == 0, -100)
            network(input_ids=rows, attention_mask=mask, labels=labels, use_cache=False).loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        with tempfile.TemporaryDirectory() as folder:
            network.save_pretrained(folder)

    def rollouts():
        with network.disable_adapter():
            answer(work["rollouts"], batch)

    def test():
        network.merge_adapter()
        answer(work["test"], batch)

    with network.disable_adapter():
        sizes = [int(size) for size in options.batches.split(",") if int(size) <= max(8, len(work["rollouts"]))]
        rates = {size: trial(size) for size in sizes}
    batch = max(rates, key=rates.get)
    seconds = []
    for phase in (rollouts, train, test):
        started = time.monotonic()
        phase()
        seconds.append(time.monotonic() - started)
    print(json.dumps({"seconds": seconds, "trial": rates, "batch": batch}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="folder of the peers")
    parser.add_argument("--program", default=".build/release/tripost")
    parser.add_argument("--shape", choices=list(SHAPES), default="1.1b")
    parser.add_argument("--type", choices=list(TYPES), default="q4_0")
    parser.add_argument("--dtypes", default="bf16", help="of the script's weights: bf16, f32 or both with a comma")
    parser.add_argument("--scale", type=int, default=10, help="what the numbers of questions and texts are divided by")
    parser.add_argument("--common", type=int, default=0, help="tokens with which all prompts begin, besides their own")
    parser.add_argument("--batches", default="16,32,64", help="batch sizes that transformers tries")
    parser.add_argument("--parallel", type=int, default=64, help="sequences that tripost has in flight")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--train-options", default="", help="more options of `tripost train`")
    parser.add_argument("--peft", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peft:
        return iterate_with_peft(*options.peft, options)
    model = f"{options.peers}/{options.shape}-{options.type}.gguf"
    if not os.path.exists(model):
        write_model(model, SHAPES[options.shape], TYPES[options.type])
    job = work(options.program, model, options)
    counts = {phase: (len(job[phase]), sum(row["new"] for row in job[phase])) for phase in ("rollouts", "test")}
    print(
        f"{options.shape} {options.type}, {options.threads} threads, a {options.scale}th of an iteration: "
        f"{counts['rollouts'][0]} answers of {counts['rollouts'][1]} tokens in all, {len(job['rows'])} rows of "
        f"{sum(len(row['ids']) for row in job['rows'])}, {counts['test'][0]} test answers of {counts['test'][1]}; "
        f"medians of {options.pairs}\n"
    )
    print("| phase | peer's weights | tripost, s | transformers and PEFT, s | ratio |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for dtype in options.dtypes.split(","):
        mine, peers = [], []
        for _ in range(options.pairs):
            mine.append(ours(options.program, model, job, options))
            peers.append(theirs(job, options, dtype))
        sides = [[[*seconds, sum(seconds)] for seconds, _ in side] for side in (mine, peers)]
        left, right = ([statistics.median(column) for column in zip(*side)] for side in sides)
        for phase, a, b in zip([*PHASES, "iteration"], left, right):
            print(f"| {phase} | {dtype} | {a:.1f} | {b:.1f} | {b / a:.2f} |")
        a, b = (max(memory for _, memory in side) for side in (mine, peers))
        print(f"| peak memory, GB | {dtype} | {a:.2f} | {b:.2f} | {b / a:.2f} |", flush=True)


if __name__ == "__main__":
    main()
