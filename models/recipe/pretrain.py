"""Trains the shipped model from nothing: `python pretrain.py --out run --steps 3500 --decay 700`.

A run is a function of its arguments: the text of step n is generated from (seed, n), so a run that
continues from a checkpoint sees what an unbroken run would have seen.
"""

import argparse
import os
import random
import time

import torch
import torch.nn.functional as F

import corpus
import evaluate
import tokenizer
from model import Llama, Shape

BOS, EOS, IGNORED = 1, 2, -100


def batch(seed, step, tokens, length, encode, simple=False, shares=corpus.SHARES):
    """Documents of one step in rows of `length`, none cut; the rest of a row is ignored."""
    rows = tokens // length
    rng = random.Random(f"{seed} {step}")
    documents, size = [], 0
    for _, ids in corpus.documents(rng.random(), encode, simple, shares):
        if len(ids) + 2 <= length + 1:
            documents.append([BOS] + ids + [EOS])
            size += len(ids) + 2
        if size > 1.05 * tokens:
            break
    packed = [[] for _ in range(rows)]
    for document in sorted(documents, key=len, reverse=True):
        fitting = [row for row in packed if len(row) + len(document) <= length + 1]
        if fitting:
            max(fitting, key=len).extend(document)
    inputs = torch.full((rows, length), EOS)
    targets = torch.full((rows, length), IGNORED)
    for row, ids in enumerate(packed):
        inputs[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        targets[row, : len(ids) - 1] = torch.tensor(ids[1:])
    return inputs, targets


def feedback_mask(targets, feedback, line_end):
    """1 for the tokens of feedback lines after their first, 0 elsewhere."""
    mask = torch.zeros_like(targets, dtype=torch.float32)
    for row, ids in enumerate(targets.tolist()):
        inside = False
        for spot, token in enumerate(ids):
            if token in (line_end, EOS, IGNORED):
                inside = False
            if inside:
                mask[row, spot] = 1
            if token == feedback:
                inside = True
    return mask


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
    parser.add_argument("--grow-at", type=int, default=2500, help="the step from which there are twice as many")
    parser.add_argument("--simple-until", type=int, default=1500, help="simple texts in rows of 256 before this step")
    parser.add_argument("--short-until", type=int, default=2500, help="rows of 640 before this step, of 1024 after")
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--weight", type=float, default=1.0, help="of the tokens of feedback lines in the loss")
    parser.add_argument("--shares", choices=("early", "late"), default="early", help="which table of text shares")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", help="a checkpoint to go on from")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    os.makedirs(options.out, exist_ok=True)
    vocabulary = tokenizer.learn()
    with open(f"{options.out}/tokenizer.model", "wb") as file:
        file.write(vocabulary)
    processor = tokenizer.load(vocabulary)
    questions = evaluate.held_out(evaluate.SEEN, 6)

    model = Llama(Shape(vocabulary=processor.vocab_size()))
    matrices = [p for layer in model.layers for p in layer.parameters() if p.ndim == 2]
    norms = [p for p in model.parameters() if p.ndim == 1]
    muon = torch.optim.Muon(matrices, lr=options.rate, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    others = [{"params": [model.embedding.weight], "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(others, lr=options.rate, betas=(0.9, 0.95))
    first = 0
    if options.resume:
        saved = torch.load(options.resume)
        model.load_state_dict(saved["model"])
        muon.load_state_dict(saved["muon"])
        adam.load_state_dict(saved["adam"])
        first = saved["step"]
    shares = corpus.SHARES if options.shares == "early" else corpus.LATE_SHARES
    feedback, line_end = processor.piece_to_id("Feedback:"), processor.piece_to_id("<0x0A>")
    compiled = torch.compile(model)
    print("parameters", sum(p.numel() for p in model.parameters()), flush=True)

    started, seen, sums = time.time(), 0, torch.zeros(4)
    for step in range(first, options.steps):
        simple = step < options.simple_until
        length = 256 if simple else 640 if step < options.short_until else 1024
        tokens = options.tokens * (1 if step < options.grow_at else 2)
        inputs, targets = batch(options.seed, step, tokens, length, processor.encode, simple, shares)
        for optimizer in (muon, adam):
            for part in optimizer.param_groups:
                part["lr"] = options.rate * rate(step, options)
        with torch.autocast("cpu", torch.bfloat16):
            logits = compiled(inputs)
        losses = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="none")
        mask = feedback_mask(targets, feedback, line_end).flatten()
        loss = (losses * (1 + (options.weight - 1) * mask)).sum() / (targets != IGNORED).sum()
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        muon.step()
        adam.step()
        seen += int((targets != IGNORED).sum())
        plain = losses.sum() / (targets != IGNORED).sum()
        sums += torch.tensor([plain.item(), (losses * mask).sum().item(), mask.sum().item(), 1])
        done = step + 1
        if done % 50 == 0:
            speed = seen / (time.time() - started)
            of_all, of_feedback = sums[0] / sums[3], sums[1] / sums[2]
            print(
                f"{time.strftime('%H:%M:%S')} step {done} loss {of_all:.4f}, of feedback {of_feedback:.4f}, "
                f"{speed:.0f} tokens/s, {seen / 1e6:.2f} M tokens",
                flush=True,
            )
            sums.zero_()
        if done % options.every == 0 or done == options.steps:
            state = {"model": model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict(), "step": done}
            torch.save(state, f"{options.out}/step-{done}.pt")
            evaluate.report(model, processor, questions, 480, checks=done % (4 * options.every) == 0)


if __name__ == "__main__":
    main()
