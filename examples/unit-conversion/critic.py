"""Judges and mends unit conversions: a line of JSON for each line of JSON (docs/tasks.md)."""
import json
import re
import sys
from fractions import Fraction

from units import steps

QUESTION = re.compile(r"^Q: How many (\w+) are ([0-9.]+) (\w+)\?$")


def solution(question):
    end, number, start = QUESTION.match(question).groups()
    return steps(Fraction(number), start, end)


def feedback(question, attempt):
    """The first line that differs from the solution, and the part of it that does."""
    right = solution(question)
    for number, line in enumerate(attempt):
        is_last = number == len(attempt) - 1
        step = "Final response" if is_last else str(number + 1)
        # Too many or too few steps: the line in the place of the missing or needless one is wrong as a whole.
        wanted = right[-1] if is_last and number >= len(right) - 1 else right[min(number, len(right) - 1)]
        if line == wanted:
            continue
        label, _, said = line.partition(") ")
        meant = wanted.partition(") ")[2]
        if " = " in said and " = " in meant and said.split(" = ")[0] == meant.split(" = ")[0]:
            part = said.split(" = ", 1)[1].rstrip(".")
            return {"step": step, "part": part, "reason": f"{said.split(' = ')[0].split(' are ')[-1]} is {meant.split(' = ')[1]}"}
        return {"step": step, "part": said.rstrip("."), "reason": f"this step should say that {meant}"}
    return {"error": "no mistake is found"}


def improvement(question, keep):
    right = solution(question)
    if right[:len(keep)] != keep:
        return {"error": "the lines before the mistake are not the solution's"}
    return {"lines": right[len(keep):]}


for text in sys.stdin:
    request = json.loads(text)
    try:
        if request["ask"] == "feedback":
            reply = feedback(request["question"], request["attempt"])
        else:
            reply = improvement(request["question"], request["keep"])
    except (AttributeError, StopIteration, ValueError):
        reply = {"error": "the question cannot be read"}
    print(json.dumps({"id": request["id"], **reply}), flush=True)
