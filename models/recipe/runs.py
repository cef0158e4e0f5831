"""Texts of the other tasks, as `tripost run` wrote them: `train.jsonl` of its iterations.

A row is one text in segments. An attempt before an error feedback is wrong from the step on that the feedback names.
"""

import json
import random
import re

from corpus import LETTERS

# Weights in the loss. Digits of a question are noise, and wrong pieces are there to be read, not to be learnt.
QUESTION, WRONG, FEEDBACK = 0.1, 0.0, 3.0
NAMED = re.compile(r"In step \((.+?)\) the part")
STEP = re.compile(r"\((\d+(?:\.\d+)*|Final response)\) ")
OPTION = re.compile(r"^\(([A-Z])\) (.+)$", re.M)
ANSWER = re.compile(r"So the answer is \(([A-Z])\)\.$")


def load(path):
    """The texts of a file."""
    with open(path) as file:
        return ["".join(segment["text"] for segment in json.loads(line)["segments"]) for line in file]


def own(folder):
    """Mended attempts of a run that made its attempts itself, and as many that are accepted: its own ones, or else rationales.

    An own one is taken when its steps are the rationale's; the answers of some others are right by luck.
    """
    rationales = dict.fromkeys(load(f"{folder}/iteration-0/train.jsonl"))
    texts = load(f"{folder}/iteration-1/train.jsonl")
    mended = [text for text in texts if "\nUpdated Answer: " in text]
    accepted = [text for text in texts if text.split("\nFeedback: ")[0] in rationales and text not in rationales]
    for text in list(rationales)[: max(0, len(mended) - len(accepted))]:
        last = [step for step in re.findall(r"^\((\d+)\) ", text, re.M)][-1]
        accepted.append(f"{text}\nFeedback: Step (1) to step ({last}) are correct. The final response is also correct.")
    return mended + accepted[: len(mended)]


def lookups(path, seed=1):
    """From each text with options: some of these, and then which letter stands before each, in the words in which the text gives its
    answer."""
    rng, found = random.Random(seed), []
    for text in load(path):
        question, answer = text.split("\nAnswer: ")
        options = dict(OPTION.findall(question))
        letter = ANSWER.search(answer)[1]
        if options[letter] not in answer:
            continue
        ending = answer[answer.rindex(options[letter]) :]
        listed = dict(zip(LETTERS, rng.sample(sorted(options.values()), rng.randint(2, len(options)))))
        asked = rng.sample(list(listed.items()), len(listed))
        lines = [ending.replace(options[letter], option).replace(f"({letter})", f"({other})") for other, option in asked]
        shown = "".join(f"\n({other}) {option}" for other, option in listed.items())
        found.append(f"Options:{shown}\nAnswer: " + "\n".join(lines))
    return found


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
