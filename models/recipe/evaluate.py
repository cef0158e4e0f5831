"""Greedy answers of a model to questions outside the training text, judged by the scripted feedback."""

import random
import re
from collections import Counter

import corpus

SEEN = [(3, (2,)), (4, (2,)), (3, (2, 2)), (4, (2, 2))]
UNSEEN = [(3, (2, 2, 2)), (4, (2, 2, 2)), (5, (2,)), (6, (2,)), (5, (2, 2)), (6, (2, 2))]


def held_out(cells, count, seed=5):
    """Reserved questions of the validation part (first byte 0x20 to 0x3f), `count` for each cell."""
    rng, found = random.Random(seed), []
    for cell in cells:
        wanted = count
        while wanted:
            text = corpus.expression(rng, *cell)
            if 0x20 <= corpus.hashlib.sha256(text.encode()).digest()[0] < 0x40:
                found.append((cell, text))
                wanted -= 1
    return found


def prompt(text):
    return f"Q: {text} =\n{corpus.LEAD}\n"


def verdict(text, lines):
    """The scripted feedback, or `unreadable`."""
    try:
        return corpus.feedback(text, lines)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return "unreadable"


def kind_of(feedback):
    for name, words in (
        ("right", "also correct"), ("calculation", "calculation error"), ("bracket", "brackets do not match"),
        ("partition", "original equation"), ("group", "with step (1)"), ("substitution", "this substitution"),
        ("answer", "this answer is"), ("symbol", "question statement"), ("unreadable", "unreadable"),
    ):  # fmt: skip
        if words in feedback:
            return name
    return "other"


def where(feedback):
    found = re.search(r"In step \((.*?)\) the part \" (.*) \" is incorrect", feedback)
    return found.groups() if found else None


def attempt(model, processor, questions, limit):
    """Lines of the solution for each question, cut before any feedback."""
    prompts = [[1] + processor.encode(prompt(text)) for _, text in questions]
    added = model.generate(prompts, limit)
    return [re.split(r"\n(?:Feedback|Q):", processor.decode(ids))[0].split("\n") for ids in added]


def report(model, processor, questions, limit=640, checks=True):
    """A readable summary: accuracy by cell, what went wrong, operations, and the model's own checking."""
    attempts = attempt(model, processor, questions, limit)
    right, total, kinds, operations, wrong_operations = Counter(), Counter(), Counter(), Counter(), Counter()
    verdicts = []
    for (cell, text), lines in zip(questions, attempts):
        answer = re.search(r"the answer is (-?\d+)\.", lines[-1])
        total[cell] += 1
        right[cell] += bool(answer) and int(answer[1]) == corpus.evaluate(text)
        verdicts.append(verdict(text, lines))
        kinds[kind_of(verdicts[-1])] += 1
        for line in lines:
            pieces = line.split(" = ")
            for before, after in zip(pieces, pieces[1:]):
                found = corpus.INNERMOST.search(before)
                if not found:
                    continue
                try:
                    wrong = corpus.evaluate(before) != corpus.evaluate(after.rstrip("."))
                except (ValueError, IndexError):
                    continue
                if "A" <= before[1:2] <= "Z":
                    continue
                operations[found[2]] += 1
                wrong_operations[found[2]] += wrong
    print("  right", sum(right.values()), "of", len(questions), end="; ")
    print(", ".join(f"l{l}d{''.join(map(str, d))} {right[l, d]}/{total[l, d]}" for l, d in total), end="; ")
    print("operations", {k: f"{1 - wrong_operations[k] / operations[k]:.3f}" for k in sorted(operations)}, dict(kinds))
    if checks:
        counts = Counter()
        prompts = [
            [1] + processor.encode(prompt(text) + "\n".join(lines) + "\nFeedback:")
            for (_, text), lines in zip(questions, attempts)
        ]
        longest = max(map(len, prompts))
        for own, truth in zip(model.generate(prompts, longest + 120), verdicts):
            if truth == "unreadable":
                continue
            own = processor.decode(own).split("\n")[0]
            state = "right" if "also correct" in truth else "wrong"
            found = "accepted" if "also correct" in own else "located" if where(own) == where(truth) else "misplaced"
            counts[f"{state} {found}"] += 1
        print("  own feedback", dict(sorted(counts.items())), flush=True)
    return attempts, verdicts
