"""Texts of the other tasks, as `tripost run` wrote them: `train.jsonl` of its iterations.

A row is one text in segments. An attempt before an error feedback is wrong from the step on that the feedback names.
"""

import json
import re

# Weights in the loss. Digits of a question are noise, and wrong pieces are there to be read, not to be learnt.
QUESTION, WRONG, FEEDBACK = 0.1, 0.0, 3.0
NAMED = re.compile(r"In step \((.+?)\) the part")
STEP = re.compile(r"\((\d+(?:\.\d+)*|Final response)\) ")


def load(path):
    """The texts of a file."""
    with open(path) as file:
        return ["".join(segment["text"] for segment in json.loads(line)["segments"]) for line in file]


def annotate(text, last):
    """For each line of `text`: its weight, and the first wrong step so far at its end: 0 for none, `last` for the final response,
    -1 where that is not asked."""
    lines = text.split("\n")
    found, spot = [], 0
    while spot < len(lines) and not lines[spot].startswith("Answer: "):
        found.append((QUESTION, -1))
        spot += 1
    while spot < len(lines):
        end = next((i for i in range(spot, len(lines)) if lines[i].startswith("Feedback: ")), len(lines))
        named = NAMED.search(lines[end]) if end < len(lines) else None
        first, steps = 0, 0
        for line in lines[spot:end]:
            step = STEP.match(line)
            steps += bool(step)
            if step and named and not first and step[1] == named[1]:
                first = last if step[1] == "Final response" else min(steps, last - 1)
            found.append((WRONG if first else 1.0, first if step and end < len(lines) else -1))
        if end < len(lines):
            # Once more where the feedback has said it.
            found.append((FEEDBACK, first))
        spot = end + 1
    return found
