"""A model's own attempts, to learn checking from: slips that a corpus invents are not those a model makes, and believes.

  python attempts.py questions --seed 11 --count 9000 > questions.jsonl
  tripost generate -m MODEL.gguf --prompts questions.jsonl --json -n 640 --temp 0 > completions.jsonl
  python attempts.py judge questions.jsonl completions.jsonl > attempts.jsonl

`operations` and `slips` in place of `questions` and `judge` (with -n 7) do the same for single operations.
"""

import argparse
import json
import random
import re
from collections import Counter

import corpus
import evaluate


def questions(seed, count):
    """Rows for `tripost generate --prompts`; no question is reserved."""
    rng = corpus.Source(seed)
    for _ in range(count):
        text = corpus.question(rng, *corpus.random_cell(rng))
        yield {"prompt": evaluate.prompt(text)[:-1], "question": text}


def judge(rows, completions):
    """(question, lines, feedback) of every attempt that the scripted feedback can read."""
    for completion in completions:
        text = rows[completion["prompt_index"]]["question"]
        lines = re.split(r"\n(?:Feedback|Q|Updated)", completion["text"])[0].strip("\n").split("\n")
        told = evaluate.verdict(text, lines)
        if told == "unreadable" or not re.fullmatch(r"\(Final response\) So the answer is -?\d+\.", lines[-1]):
            continue
        row = {"question": text, "lines": lines, "feedback": told}
        try:
            corpus.judgements(corpus.own_text(row))
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            continue
        yield row


def operations(seed):
    """Rows that ask for one operation each: all of two digits with one, and a share of the longer ones."""
    rng = random.Random(seed)
    two, one = [number for number in range(-99, 100) if abs(number) > 9], range(-9, 10)

    def big():
        return rng.choice((1, -1)) * int(10 ** rng.uniform(2, 3.5))

    asked = {pair for a in two for b in one for op in corpus.OPERATORS for pair in ((a, op, b), (b, op, a))}
    for count, draw in (
        (30000, lambda: (rng.choice(two), rng.choice("+-"), rng.choice(two))),
        (12000, lambda: (rng.choice(two), "*", rng.choice(two))),
        (5000, lambda: (big(), rng.choice("+-"), rng.choice(two))),
        (5000, lambda: (rng.choice(two), rng.choice("+-"), big())),
        (3000, lambda: (big(), rng.choice("+-"), big())),
        (3000, lambda: (big(), "*", rng.choice(one))),
    ):
        wanted = len(asked) + count
        while len(asked) < wanted:
            asked.add(draw())
    asked = sorted(asked)
    rng.shuffle(asked)
    for left, operator, right in asked:
        first = rng.randint(-9, 9), rng.choice(corpus.OPERATORS), rng.randint(-9, 9)
        before = f"({first[0]} {first[1]} {first[2]}) = {corpus.apply(*first)}.\n"
        yield {"prompt": f"{before}({left} {operator} {right}) = ", "operation": [left, operator, right]}


def slips(rows, completions):
    """{operation: wrong result} of the operations that the model gets wrong."""
    found = {}
    for completion in completions:
        left, operator, right = rows[completion["prompt_index"]]["operation"]
        result = re.match(r"(-?\d+)\.", completion["text"])
        if result and int(result[1]) != corpus.apply(left, operator, right):
            found[f"({left} {operator} {right})"] = int(result[1])
    return found


def load(paths):
    """The attempts of some files, right and wrong ones apart."""
    right, wrong = [], []
    for path in paths:
        with open(path) as file:
            for row in map(json.loads, file):
                (right if "also correct" in row["feedback"] else wrong).append(row)
    return right, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("questions", "operations"):
        asking = commands.add_parser(name)
        asking.add_argument("--seed", type=int, default=11)
        asking.add_argument("--count", type=int, default=9000, help="of questions")
    for name in ("judge", "slips"):
        answered = commands.add_parser(name)
        answered.add_argument("asked")
        answered.add_argument("completions")
    options = parser.parse_args()
    if options.command in ("questions", "operations"):
        asked = options.command == "questions"
        for row in questions(options.seed, options.count) if asked else operations(options.seed):
            print(json.dumps(row))
        return
    with open(options.asked) as file:
        rows = list(map(json.loads, file))
    with open(options.completions) as file:
        completions = list(map(json.loads, file))
    if options.command == "slips":
        found = slips(rows, completions)
        print(json.dumps(found))
        parser.exit(0, f"{len(found)} of {len(rows)} operations are wrong\n")
    found = list(judge(rows, completions))
    for row in found:
        print(json.dumps(row))
    kinds = Counter(evaluate.kind_of(row["feedback"]) for row in found)
    parser.exit(0, f"{len(found)} of {len(rows)} attempts: {dict(kinds)}\n")


if __name__ == "__main__":
    main()
