"""Compares an event file, as the tensorboard package reads it, and metrics.csv with metrics.jsonl; called by scripts/check-tensorboard."""

import csv
import json
import sys

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {
    "loss": "train/loss", "learning_rate": "train/learning_rate", "grad_norm": "train/grad_norm", "eval_loss": "eval/loss",
    "tokens_per_s": "train/tokens_per_s",
}  # fmt: skip


def main():
    folder = sys.argv[1]
    with open(f"{folder}/metrics.jsonl") as file:
        lines = [line for line in map(json.loads, file) if "step" in line]
    flat = [line | line["clock"] for line in lines]
    events = EventAccumulator(f"{folder}/tensorboard", size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()["scalars"]
    assert sorted(tags) == sorted(TAGS.values()), tags
    count = 0
    for key, tag in TAGS.items():
        wanted = [(line["step"], float(np.float32(line[key])), line["time"]) for line in flat if key in line]
        found = [(event.step, event.value, event.wall_time) for event in events.Scalars(tag)]
        assert found == wanted, (tag, found[:3], wanted[:3])
        count += len(found)
    with open(f"{folder}/metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(flat)
    for row, line in zip(rows, flat):
        for key, text in row.items():
            assert (text == "") == (key not in line) and (text == "" or float(text) == line[key]), (key, text)
    print(f"{count} values in {len(tags)} curves and {len(rows)} rows of CSV agree with metrics.jsonl")


if __name__ == "__main__":
    main()
