"""Tables of several seeds with their controls; called by scripts/shipped-experiment.

Differences are paired by question; their 95 % intervals come from 10,000 bootstrap samples of the questions of each seed.
"""

import json
import random
import sys


def evaluation(folder, iteration):
    """Each test question's (correct, seen), and the summary of the whole."""
    with open(f"{folder}/iteration-{iteration}/evaluations.jsonl") as file:
        rows = {row["id"]: (row["correct"], row["seen"]) for row in map(json.loads, file)}
    with open(f"{folder}/iteration-{iteration}/eval.json") as file:
        return rows, json.load(file)["split"]


def percent(rows, seen=None):
    found = [correct for correct, is_seen in rows.values() if seen is None or is_seen == seen]
    return 100 * sum(found) / len(found)


def difference(pairs, samples=10_000):
    """Mean difference in points over (ours, other) of every seed, with its interval."""
    by_seed = [[ours[key][0] - other[key][0] for key in sorted(ours)] for ours, other in pairs]

    def mean(groups):
        return 100 * sum(sum(group) / len(group) for group in groups) / len(groups)

    rng = random.Random(1)
    drawn = sorted(mean([rng.choices(group, k=len(group)) for group in by_seed]) for _ in range(samples))
    low, high = drawn[samples // 40], drawn[-samples // 40]
    return f"{mean(by_seed):+.1f} ({low:+.1f} to {high:+.1f})"


def main():
    folder, seeds = sys.argv[1], sys.argv[2:]
    print("| Seed | After | seen | unseen | all | direct | SI.Freq | SI.Contrib |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    found = {}
    for seed in seeds:
        for name, run, iterations in (("TriPosT", seed, (0, 1, 2, 3)), ("control", f"{seed}-control", (1, 2, 3))):
            for t in iterations:
                rows, split = evaluation(f"{folder}/{run}", t)
                found[name, seed, t] = rows
                whole = split["all"]
                numbers = [percent(rows, True), percent(rows, False), percent(rows)]
                numbers += [100 * whole[key] for key in ("direct_accuracy", "si_freq", "si_contrib")]
                title = "ft rationale" if t == 0 else f"{name}, t = {t}"
                print(f"| {seed} | {title} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |")
    print("\n| All seeds together | minus ft rationale | minus the control |\n| --- | --- | --- |")
    for t in (1, 2, 3):
        start = difference([(found["TriPosT", seed, t], found["TriPosT", seed, 0]) for seed in seeds])
        control = difference([(found["TriPosT", seed, t], found["control", seed, t]) for seed in seeds])
        print(f"| TriPosT, t = {t} | {start} | {control} |")


if __name__ == "__main__":
    main()
