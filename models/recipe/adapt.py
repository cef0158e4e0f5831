"""What LoRA makes of a checkpoint, in short: `python adapt.py CHECKPOINT TOKENIZER [--iterations 1]`.

Fine-tunes on 550 solutions ("ft rationale"), then, if asked, runs TriPosT iterations with scripted
feedback and scripted updates, and measures after each. It only serves to choose the checkpoint to ship.
"""

import argparse
import random
import re
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

import corpus
import evaluate
import tokenizer
from model import Llama, Shape


class Adapter(nn.Module):
    def __init__(self, weight, rank=16, scale=2.0):
        super().__init__()
        self.a = nn.Parameter(torch.randn(rank, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.b = nn.Parameter(torch.zeros(weight.shape[0], rank))
        self.scale = scale

    def forward(self, weight):
        return weight + self.scale * self.b @ self.a


def add_adapters(model):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for layer in model.layers:
        for module in (layer.query_key_value, layer.attention_output, layer.gate_up, layer.down):
            parametrize.register_parametrization(module, "weight", Adapter(module.weight))


def train(model, processor, items, epochs, peak, rng):
    """Items are (text, weighted part or None); four in a step; linear warm-up and decay."""
    adapters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(adapters, lr=peak, weight_decay=0.01)
    steps = epochs * (len(items) // 4)
    done = 0
    for _ in range(epochs):
        rng.shuffle(items)
        for start in range(0, len(items) // 4 * 4, 4):
            rows = []
            for text, marker in items[start : start + 4]:
                ids = [1] + processor.encode(text) + [2]
                spot = len([1] + processor.encode(text[: text.index(marker)])) if marker else len(ids)
                rows.append((ids, spot))
            length = max(len(ids) for ids, _ in rows)
            inputs, targets = torch.full((4, length), 2), torch.full((4, length), -100)
            weights = torch.zeros(4, length)
            for row, (ids, spot) in enumerate(rows):
                inputs[row, : len(ids)] = torch.tensor(ids)
                targets[row, : len(ids) - 1] = torch.tensor(ids[1:])
                weights[row, : len(ids) - 1] = 1.0
                weights[row, max(spot - 1, 0) : len(ids) - 1] = 1.5 if marker else 1.0
            optimizer.param_groups[0]["lr"] = peak * min((done + 1) / (0.2 * steps), (steps - done) / (0.8 * steps))
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(inputs)
            losses = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-100, reduction="none")
            loss = (losses * weights.flatten()).sum() / (targets != -100).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1


def text_of(question, lines, *more):
    return evaluate.prompt(question) + "\n".join(list(lines) + list(more))


def roll_out(model, processor, questions, temperature, limit=560):
    found = []
    for start in range(0, len(questions), 275):
        prompts = [[1] + processor.encode(evaluate.prompt(q)) for q in questions[start : start + 275]]
        with torch.autocast("cpu", torch.bfloat16):
            added = model.generate(prompts, limit, temperature)
        found += [re.split(r"\n(?:Feedback|Q):", processor.decode(ids))[0].split("\n") for ids in added]
    return found


def collect(model, processor, questions, rng):
    """Training items of one iteration, with the shares of the specification (1.5 : 1 : 1)."""
    improved, right = [], []
    for question, lines in zip(questions, roll_out(model, processor, questions, 1.0)):
        found = evaluate.verdict(question, lines)
        truth = corpus.solution(question)
        closing = "Feedback: " + corpus.feedback(question, truth)
        if "also correct" in found:
            right.append((text_of(question, lines, "Feedback: " + found), None))
        elif "is incorrect" in found:
            update = ["Updated " + corpus.LEAD] + truth
            improved.append((text_of(question, lines, "Feedback: " + found, *update), "\nFeedback:"))
            right.append((text_of(question, truth, closing), "\nFeedback:"))
    count = min(-(-len(improved) * 2 // 3), len(right))
    truths = [(text_of(q, corpus.solution(q), "Feedback: " + corpus.feedback(q, corpus.solution(q))), None) for q in questions]
    print("  attempts right", len(right) - len(improved), "repaired", len(improved), "of", len(questions))
    items = improved + rng.sample(right, count) + rng.sample(truths, count)
    return [item for item in items if len(processor.encode(item[0])) < 1023]


def self_improve(model, processor, questions, limit=900):
    """Accuracy of first attempts and after up to three updates of the model's own."""
    texts = {index: evaluate.prompt(question) for index, (_, question) in enumerate(questions)}
    first, last = {}, {}
    waiting = list(texts)
    for turn in range(3):
        if not waiting:
            break
        prompts = [[1] + processor.encode(texts[index]) for index in waiting]
        again = []
        for index, ids in zip(waiting, model.generate(prompts, max(map(len, prompts)) + limit // (turn + 1))):
            out = (texts[index] + processor.decode(ids))[len(evaluate.prompt(questions[index][1])) :]
            attempts = re.split(r"\nFeedback:.*(?:\nUpdated Answer:.*\n)?", out)
            attempts = [attempt for attempt in attempts if attempt.strip()]
            if not attempts:
                continue
            first.setdefault(index, attempts[0])
            last[index] = attempts[-1]
            if "also correct" not in out.split("\n")[-1] and "Updated" in out:
                texts[index] = evaluate.prompt(questions[index][1]) + attempts[-1] + "\nFeedback:"
                again.append(index)
        waiting = again

    def right(found):
        count = 0
        for index, text in found.items():
            answer = re.search(r"the answer is (-?\d+)\.", text.split("\n")[-1])
            count += bool(answer) and int(answer[1]) == corpus.evaluate(questions[index][1])
        return count

    changed = sum(first[index] != last[index] for index in first)
    print(f"  own loop: direct {right(first)}, after updates {right(last)}, changed {changed}, of {len(questions)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("tokenizer")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--iterations", type=int, default=0)
    parser.add_argument("--seen", type=int, default=25, help="questions of each seen cell")
    parser.add_argument("--unseen", type=int, default=8, help="questions of each unseen cell")
    options = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(1)
    rng = random.Random(1)
    with open(options.tokenizer, "rb") as file:
        processor = tokenizer.load(file.read())
    model = Llama(Shape(vocabulary=processor.vocab_size()))
    model.load_state_dict(torch.load(options.checkpoint)["model"])
    seen = evaluate.held_out(evaluate.SEEN, options.seen)
    unseen = [q for q in evaluate.held_out(evaluate.UNSEEN, options.unseen) if len(processor.encode(q[1])) < 200]
    questions = [corpus.question(rng, *evaluate.SEEN[i % 4]) for i in range(550)]
    print("before")
    evaluate.report(model, processor, seen)
    add_adapters(model)
    started = time.time()
    train(model, processor, [(text_of(q, corpus.solution(q)), None) for q in questions], options.epochs, options.rate, rng)
    print(f"after ft rationale ({time.time() - started:.0f} s)")
    evaluate.report(model, processor, seen)
    if unseen:
        evaluate.report(model, processor, unseen, 1100, checks=False)
    for iteration in range(options.iterations):
        items = collect(model, processor, questions, rng)
        train(model, processor, items, 4, options.rate, rng)
        print("after iteration", iteration + 1, "items", len(items))
        self_improve(model, processor, seen)
        if unseen:
            self_improve(model, processor, unseen, 1100)


if __name__ == "__main__":
    main()
