"""Trains the shipped model from nothing: `python pretrain.py --out run --steps 3500 --decay 700`.

A run is a function of its arguments: the text of step n is generated from (seed, n), so a run that
continues from a checkpoint sees what an unbroken run would have seen.
"""

import argparse
import json
import os
import random
import re
import time

import torch
import torch.nn.functional as F

import attempts
import corpus
import evaluate
import runs
import tokenizer
from model import Llama, Shape
from runs import FEEDBACK, QUESTION, WRONG

BOS, EOS, IGNORED = 1, 2, -100

# Two linear probes, used in training only, teach checking. The judge says after one layer whether a piece is wrong; the verdict
# says after the next, at the end of each line, which step was the first to go wrong. Feedback lines alone teach that very
# slowly: they are few, and name one piece of many. The last layer learns to write down what the probes already see.
JUDGED_LAYER, VERDICT_LAYER = 5, 6
PROBE_SHARE = 0.5  # of the loss of each beside that of the language model
WRONG_WEIGHT = 2.0  # wrong pieces are rare
VERDICTS = 13  # none, steps 1 to 11, the final response


def annotate(text, ids, marks):
    """For each of `ids` + EOS: its weight in the loss; whether a piece ends there that is right (0) or wrong (1), else -1; and the
    first wrong step so far (0 for none) where a line of a solution or `Feedback:` ends, else -1."""
    equals, line_end, feedback = marks
    judgements = corpus.judgements(text)
    weights, judged, verdicts = [], [], []
    spots, since = re.finditer(" = |\n|$", text), 0
    first, line_is_wrong, is_solution = 0, False, False
    for token in ids + [EOS]:
        weights.append(1.0)
        judged.append(-1)
        verdicts.append(first if token == feedback and is_solution else -1)
        if token not in (equals, line_end, EOS):
            continue
        spot = next(spots).start()
        line = text[text.rfind("\n", 0, spot) + 1 : spot]
        if line.startswith("Q: ") or line.startswith("Feedback:"):
            weights[since:] = [QUESTION if line[0] == "Q" else FEEDBACK] * (len(weights) - since)
        elif spot in judgements:
            judged[-1] = int(judgements[spot][1])
            line_is_wrong = line_is_wrong or judged[-1]
            if judged[-1]:
                weights[since:-1] = [WRONG] * (len(weights) - since - 1)
        since = len(weights)
        if token == equals:
            continue
        step = re.match(r"\((\d+|Final response)\) ", line)
        if step:
            is_solution = True
            if line_is_wrong and not first:
                first = VERDICTS - 1 if step[1] == "Final response" else min(int(step[1]), VERDICTS - 2)
            verdicts[-1] = first
        elif not line.startswith("Feedback:"):
            first = 0
        line_is_wrong = False
    assert next(spots, None) is None, text
    return weights, judged, verdicts


def annotate_other(text, ids, marks):
    """The same for a text of another task; no piece is judged."""
    line_end = marks[1]
    lines = iter(runs.annotate(text, VERDICTS - 1))
    weights, verdicts = [], []
    weight, first = next(lines)
    for token in ids + [EOS]:
        weights.append(weight)
        ended = token in (line_end, EOS)
        verdicts.append(first if ended else -1)
        if ended:
            weight, first = next(lines, (1.0, -1))
    return weights, [-1] * len(weights), verdicts


def batch(seed, step, tokens, length, processor, **texts):
    """Documents of one step in rows of `length`: inputs, targets, the targets' weights, and the inputs' judgements and verdicts.

    Rows are filled in the order in which documents come, and the last one is cut: were they chosen to fit, what begins a row
    would be longer than usual, and a model learns from that which texts tend to be long.
    """
    marks = [processor.piece_to_id(piece) for piece in ("▁=▁", "<0x0A>", "Feedback:")]
    rows = tokens // length
    rng = random.Random(f"{seed} {step}")
    documents = corpus.documents(rng.random(), processor.encode, **texts)
    inputs, targets = torch.full((rows, length), EOS), torch.full((rows, length), IGNORED)
    weights = torch.zeros(rows, length)
    judged, verdicts = torch.full((rows, length), -1), torch.full((rows, length), -1)
    for row in range(rows):
        columns = [[], [], [], []]
        while len(columns[0]) <= length:
            kind, text, ids = next(documents)
            found = (annotate if kind in corpus.MAKERS else annotate_other)(text, ids, marks)
            for column, missing, values in zip(columns, (BOS, 0.0, -1, -1), (ids + [EOS], *found)):
                column += [missing] + values
        inputs[row] = torch.tensor(columns[0][:length])
        targets[row] = torch.tensor(columns[0][1 : length + 1])
        weights[row] = torch.tensor(columns[1][1 : length + 1])
        judged[row], verdicts[row] = torch.tensor(columns[2][:length]), torch.tensor(columns[3][:length])
    return inputs, targets, weights, judged, verdicts


def rate(step, options):
    """Warm-up, a constant part, linear decay to zero."""
    return min((step + 1) / options.warmup, 1, (options.steps - step) / options.decay)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--decay", type=int, default=600)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--tokens", type=int, default=2048, help="tokens of a step")
    parser.add_argument("--simple-until", type=int, default=1500, help="simple texts in rows of 256 before this step")
    parser.add_argument("--short-until", type=int, default=2500, help="rows of 640 before this step, of 1024 after")
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", help="a checkpoint to go on from")
    parser.add_argument("--start", help="a checkpoint whose weights to begin with")
    parser.add_argument("--checking", action="store_true", help="mostly texts that are checked")
    parser.add_argument("--attempts", nargs="+", help="files of the model's own attempts (attempts.py)")
    parser.add_argument("--slips", help="a file of the model's own wrong results (attempts.py)")
    parser.add_argument("--vocabulary", help="another tokenizer.model to go on with")
    parser.add_argument("--others", nargs="+", default=[], metavar="SHARE:FILE", help="texts of other tasks and their share of the tokens")
    parser.add_argument("--own", nargs="+", default=[], metavar="SHARE:RUN", help="the same from runs with the model's own attempts")
    parser.add_argument("--lookups", nargs="+", default=[], metavar="SHARE:FILE", help="the letters of these texts' options")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    os.makedirs(options.out, exist_ok=True)
    before = options.resume or options.start
    if before:
        with open(f"{os.path.dirname(before)}/tokenizer.model", "rb") as file:
            vocabulary = file.read()
    else:
        vocabulary = tokenizer.learn()
    former = vocabulary
    if options.vocabulary:
        with open(options.vocabulary, "rb") as file:
            vocabulary = file.read()
    with open(f"{options.out}/tokenizer.model", "wb") as file:
        file.write(vocabulary)
    processor = tokenizer.load(vocabulary)
    questions = evaluate.held_out(evaluate.SEEN, 6)

    model = Llama(Shape(vocabulary=processor.vocab_size()))
    judge, verdict = torch.nn.Linear(model.shape.width, 1), torch.nn.Linear(model.shape.width, VERDICTS)
    matrices = [p for layer in model.layers for p in layer.parameters() if p.ndim == 2]
    plain = [p for p in model.parameters() if p.ndim == 1] + list(judge.parameters()) + list(verdict.parameters())
    muon = torch.optim.Muon(matrices, lr=options.rate, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    others = [{"params": [model.embedding.weight], "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(others, lr=options.rate, betas=(0.9, 0.95))
    parts = {"model": model, "judge": judge, "verdict": verdict, "muon": muon, "adam": adam}
    first = 0
    if options.resume:
        saved = torch.load(options.resume)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        first = saved["step"]
    if options.start:
        saved = torch.load(options.start)
        if vocabulary != former:
            saved["model"]["embedding.weight"] = tokenizer.moved(saved["model"]["embedding.weight"], former, vocabulary)
        for name in ("model", "judge", "verdict"):
            if name in saved:
                parts[name].load_state_dict(saved[name])
    shares = corpus.OWN_SHARES if options.attempts else corpus.CHECKING_SHARES if options.checking else None
    texts = {"shares": shares, "attempts": attempts.load(options.attempts or [])}
    if options.slips:
        with open(options.slips) as file:
            texts["slips"] = json.load(file)
    texts["others"] = {
        f"{read.__name__} {name}": (float(share), read(path))
        for names, read in ((options.others, runs.load), (options.own, runs.own), (options.lookups, runs.lookups))
        for name, (share, _, path) in ((name, name.partition(":")) for name in names)
    }
    compiled = torch.compile(model)
    print("parameters", sum(p.numel() for p in model.parameters()), flush=True)

    names = ("loss", "of feedback", "feedback tokens", "judge", "hits", "wrong", "named", "verdict", "verdicts", "right", "mistakes", "found")
    started, seen, sums, counted = time.time(), 0, torch.zeros(len(names)), 0
    for step in range(first, options.steps):
        simple = step < options.simple_until
        length = 256 if simple else 640 if step < options.short_until else 1024
        inputs, targets, weights, judged, verdicts = batch(
            options.seed, step, options.tokens, length, processor, simple=simple, **texts
        )
        for optimizer in (muon, adam):
            for part in optimizer.param_groups:
                part["lr"] = options.rate * rate(step, options)
        with torch.autocast("cpu", torch.bfloat16):
            logits, early, late = compiled(inputs, (JUDGED_LAYER, VERDICT_LAYER))
        losses = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="none")
        loss = (losses * weights.flatten()).sum() / weights.sum()
        truth = judged[judged >= 0].float()
        opinion = judge(F.rms_norm(early[judged >= 0].float(), (model.shape.width,)))[:, 0]
        judging = F.binary_cross_entropy_with_logits(opinion, truth, pos_weight=torch.tensor(WRONG_WEIGHT))
        steps = verdicts[verdicts >= 0]
        guesses = verdict(F.rms_norm(late[verdicts >= 0].float(), (model.shape.width,)))
        finding = F.cross_entropy(guesses, steps)
        for optimizer in (muon, adam):
            optimizer.zero_grad()
        (loss + PROBE_SHARE * (judging + finding)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        muon.step()
        adam.step()
        with torch.no_grad():
            seen += int((targets != IGNORED).sum())
            counted += 1
            feedback, named, chosen = (weights == FEEDBACK).flatten(), opinion > 0, guesses.argmax(-1)
            sums += torch.tensor([
                loss, losses[feedback].sum(), feedback.sum(), judging, (named & (truth == 1)).sum(), truth.sum(), named.sum(),
                finding, len(steps), (chosen == steps).sum(), (steps > 0).sum(), ((chosen == steps) & (steps > 0)).sum(),
            ])  # fmt: skip
        done = step + 1
        if done % 50 == 0:
            total = dict(zip(names, sums.tolist()))
            print(
                f"{time.strftime('%H:%M:%S')} step {done} loss {total['loss'] / counted:.4f}, "
                f"of feedback {total['of feedback'] / total['feedback tokens']:.4f}; "
                f"judge {total['judge'] / counted:.4f}, recall {total['hits'] / total['wrong']:.3f}, "
                f"precision {total['hits'] / max(total['named'], 1):.3f}; "
                f"verdict {total['verdict'] / counted:.4f}, right {total['right'] / total['verdicts']:.3f}, "
                f"of mistakes {total['found'] / total['mistakes']:.3f}; "
                f"{seen / (time.time() - started):.0f} tokens/s, {seen / 1e6:.2f} M tokens",
                flush=True,
            )
            sums.zero_()
            counted = 0
        if done % options.every == 0 or done == options.steps:
            state = {name: part.state_dict() for name, part in parts.items()}
            torch.save(state | {"step": done}, f"{options.out}/step-{done}.pt")
            evaluate.report(model, processor, questions, 480, checks=done % (2 * options.every) == 0)


if __name__ == "__main__":
    main()
