"""Generated text from which the shipped model learns the language of Multistep Arithmetic.

Kinds of document, all made from a seed, none taken from a data set:

  facts     single results, a third of them wrong: `(17 - -4) = 21`, and checks: `(-5 - 1) is not equal to -4.`
  chains    reductions of single groups, right or with one slip, each followed by a verdict
  solution  question, lead and step-by-step solution
  checked   question, solution (half of them with a slip), feedback line
  updated   question, solution with a slip, feedback, corrected solution
  own       the same two with attempts of an earlier state of the model (`attempts.py`) in place of invented slips

A question whose SHA-256 begins with a byte below 0x40 is reserved for tests and validation and never
appears. Run `python corpus.py` for the self-test.
"""

import hashlib
import random
import re

HINT = (
    "Recall that the order of operations in mathematics is as follows: (1) Parentheses, "
    "(2) exponents, (3) multiplication and division (from left to right), (4) addition and "
    "multiplication (from left to right). So, remember to always compute the expressions inside "
    "parentheses or brackets first."
)
LEAD = "Answer: Let's think step by step. " + HINT
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OPERATORS = "+-*"
RESERVED_BELOW = 0x40

# Share of the tokens for each kind of document, and the same for the first part of the training.
SHARES = {"facts": 0.16, "chains": 0.24, "solution": 0.18, "checked": 0.30, "updated": 0.12}
SIMPLE_SHARES = {"facts": 0.40, "chains": 0.25, "solution": 0.15, "checked": 0.15, "updated": 0.05}
# When solving is known and checking is learnt.
CHECKING_SHARES = {"facts": 0.08, "chains": 0.16, "solution": 0.14, "checked": 0.48, "updated": 0.14}
# The last part, in which a model meets its own attempts.
OWN_SHARES = {
    "facts": 0.20, "chains": 0.24, "solution": 0.12, "checked": 0.08, "updated": 0.08, "own checked": 0.14, "own updated": 0.14,
}  # fmt: skip

# (length of a group, nesting): weight among the questions.
CELLS = {
    (2, (2,)): 8, (3, (2,)): 18, (4, (2,)): 18, (5, (2,)): 6, (6, (2,)): 5,
    (2, (2, 2)): 6, (3, (2, 2)): 14, (4, (2, 2)): 14, (5, (2, 2)): 4, (6, (2, 2)): 3,
    (2, (2, 2, 2)): 1, (3, (2, 2, 2)): 2, (4, (2, 2, 2)): 1,
}  # fmt: skip

# The same for the first part of the training: short texts, from which copying is learnt sooner.
SIMPLE_CELLS = {(2, (2,)): 3, (3, (2,)): 3, (4, (2,)): 1, (2, (2, 2)): 1}

INNERMOST = re.compile(r"\((-?\d+) ([+*-]) (-?\d+)\)")
GROUP = re.compile(r"\(-?\d+(?: [+*-] -?\d+)+\)")
NUMBER = re.compile(r"-?\d+")


def is_reserved(expression):
    """Whether a question may only be used for testing and validation."""
    return hashlib.sha256(expression.encode()).digest()[0] < RESERVED_BELOW


def apply(left, operator, right):
    if operator == "+":
        return left + right
    return left - right if operator == "-" else left * right


# Questions


def group(rng, length):
    parts = [str(rng.randint(-9, 9))]
    for _ in range(length - 1):
        parts.append(f"{rng.choice(OPERATORS)} {rng.randint(-9, 9)}")
    return "(" + " ".join(parts) + ")"


def expression(rng, length, nesting):
    if not nesting:
        return group(rng, length)
    text = expression(rng, length, nesting[1:])
    for _ in range(nesting[0] - 1):
        text += f" {rng.choice(OPERATORS)} " + expression(rng, length, nesting[1:])
    return f"({text})"


def question(rng, length, nesting):
    """An expression whose groups all differ and in which no reserved question occurs, as a part or as a whole."""
    while True:
        text = expression(rng, length, nesting)
        groups = GROUP.findall(text)
        if len(set(groups)) == len(groups) and not any(map(is_reserved, [text] + questions_in(text))):
            return text


def questions_in(document):
    """Every balanced bracket in a text that has the shape of a question (groups of two or more numbers)."""
    found, open_at = [], []
    for spot, character in enumerate(document):
        if character == "(":
            open_at.append(spot)
        elif character == ")" and open_at:
            text = document[open_at.pop() : spot + 1]
            shape = GROUP.sub("1", text)
            if text.startswith("((") and GROUP.search(text) and re.fullmatch(r"[()1+* -]+", shape):
                groups = GROUP.findall(text)
                if len(groups) > 1 and all(len(g.split(" ")) > 3 for g in groups):
                    found.append(text)
    return found


# Reduction


def bracketed(text):
    """`(2 * 3 - 4)` -> `((2 * 3) - 4)`: every operation in brackets of its own."""
    words = text[1:-1].split(" ")
    terms, operators = [words[0]], []
    for operator, number in zip(words[1::2], words[2::2]):
        if operator == "*":
            terms[-1] = f"({terms[-1]} * {number})"
        else:
            terms.append(number)
            operators.append(operator)
    result = terms[0]
    for operator, term in zip(operators, terms[1:]):
        result = f"({result} {operator} {term})"
    return result


def evaluate(text):
    """Value of a fully bracketed expression or a plain group; None if it is invalid."""
    if text.count("(") != text.count(")"):
        return None
    while True:
        match = INNERMOST.search(text)
        if match:
            value = apply(int(match[1]), match[2], int(match[3]))
            text = text[: match.start()] + str(value) + text[match.end() :]
            continue
        match = GROUP.search(text)
        if not match:
            return int(text) if NUMBER.fullmatch(text) else None
        text = text[: match.start()] + bracketed(match[0]) + text[match.end() :]


def is_hard(match):
    """Weight of a slip at an operation: long numbers and products go wrong more often."""
    digits = len(match[1].lstrip("-")) * len(match[3].lstrip("-"))
    return digits * (2 if match[2] == "*" else 1)


def wrong_value(rng, match):
    """A result as a careless solver writes it, or the model itself."""
    if match[0] in rng.slips and rng.random() < 0.8:
        return rng.slips[match[0]]
    left, operator, right = int(match[1]), match[2], int(match[3])
    value = apply(left, operator, right)
    digits = list(str(abs(value)))
    while True:
        kind = rng.random()
        if kind < 0.25:
            slip = value + rng.choice((-1, 1))
        elif kind < 0.35:
            slip = value + rng.choice((-10, 10))
        elif kind < 0.55:
            changed = digits[:]
            changed[rng.randrange(len(digits))] = rng.choice("0123456789")
            slip = int("".join(changed)) * (-1 if value < 0 else 1)
        elif kind < 0.68:
            slip = -value
        elif kind < 0.80:
            slip = value + rng.randint(-9, 9)
        elif kind < 0.92:
            slip = apply(left, rng.choice(OPERATORS), rng.choice((right, -right)))
        else:
            rng.shuffle(digits)
            slip = int("".join(digits)) * (-1 if value < 0 else 1)
        if slip != value:
            return slip


def reductions(text, rng=None, slip_at=None):
    """All strings from `text` to its value; the operation number `slip_at` gets a wrong result."""
    strings, done = [text], 0
    while True:
        matches = list(INNERMOST.finditer(text))
        if not matches:
            return strings
        for match in matches:
            if match[0] not in text:
                continue
            wrong = done == slip_at
            value = wrong_value(rng, match) if wrong else apply(int(match[1]), match[2], int(match[3]))
            text = text.replace(match[0], str(value))
            strings.append(text)
            done += 1


def slip_weights(rng, text):
    weights = []
    for before in reductions(text)[:-1]:
        match = INNERMOST.search(before)
        weights.append(is_hard(match) * (4 if match[0] in rng.slips else 1))
    return weights


def copy_slip(rng, text):
    """`text` with one number, sign or operator copied wrongly."""
    for _ in range(50):
        if rng.random() < 0.3:
            spots = list(re.finditer(r" [+*-] ", text))
            spot = rng.choice(spots)
            changed = text[: spot.start()] + f" {rng.choice(OPERATORS)} " + text[spot.end() :]
        else:
            spots = list(NUMBER.finditer(text))
            spot = rng.choice(spots)
            number = int(spot[0])
            other = -number if rng.random() < 0.6 else rng.randint(-9, 9)
            changed = text[: spot.start()] + str(other) + text[spot.end() :]
        if changed != text:
            return changed
    return text


def lost_bracket(rng, text):
    spots = [i for i, character in enumerate(text) if character in "()"]
    spot = rng.choice(spots)
    return text[:spot] + text[spot + 1 :]


def chain(rng, text, slip=None):
    """The pieces of a reduction of a group; `slip` names what goes wrong, if anything."""
    full = bracketed(text)
    if slip == "copy":
        changed = copy_slip(rng, full)
        return [text] + reductions(changed)
    if slip == "calculation":
        weights = slip_weights(rng, full)
        return [text] + reductions(full, rng, rng.choices(range(len(weights)), weights)[0])
    pieces = [text] + reductions(full)
    if len(pieces) > 2 and slip == "bracket":
        spot = rng.randrange(1, len(pieces) - 1)
        pieces[spot] = lost_bracket(rng, pieces[spot])
    if len(pieces) > 3 and slip == "later copy":
        spot = rng.randrange(2, len(pieces) - 1)
        pieces = pieces[:spot] + reductions(copy_slip(rng, pieces[spot]))
    return pieces


# Solutions


def partition(text):
    """The symbolic equation and the groups, in order."""
    groups = GROUP.findall(text)
    symbolic = text
    for letter, found in zip(LETTERS, groups):
        symbolic = symbolic.replace(found, letter, 1)
    return symbolic, groups


def first_line(symbolic, groups):
    pairs = [f"{letter} = {text}" for letter, text in zip(LETTERS, groups)]
    listed = ", ".join(pairs[:-1]) + " and " + pairs[-1]
    return f'This equation can be written as "{symbolic}", where {listed}.'


def substitute(symbolic, values):
    return re.sub("[A-Z]", lambda match: str(values[match[0]]), symbolic)


def solution(text, rng=None, slips=()):
    """Lines of a step-by-step solution. Each slip is (where, what); without slips it is right."""
    slips = dict(slips)
    symbolic, groups = partition(text)
    if "partition" in slips:
        if slips["partition"] == "symbol":
            symbolic = copy_operator(rng, symbolic)
        else:
            spot = rng.randrange(len(groups))
            groups = groups[:spot] + [copy_slip(rng, groups[spot])] + groups[spot + 1 :]
    lines = [first_line(symbolic, groups)]
    values = {}
    for index, (letter, found) in enumerate(zip(LETTERS, groups)):
        slip = slips.get(index)
        if slip == "missing":
            values[letter] = evaluate(found)
            continue
        if slip == "group":
            found = copy_slip(rng, found)
        pieces = chain(rng, found, slip)
        values[letter] = int(pieces[-1])
        lines.append(f"Let's calculate {letter} = " + " = ".join(pieces) + ".")
    slip = slips.get("final")
    if slip == "symbol":
        symbolic = copy_operator(rng, symbolic)
    if slip == "substitution":
        letter = rng.choice(list(values))
        value = values[letter]
        values[letter] = -value if rng.random() < 0.5 else value + rng.choice((-10, -2, -1, 1, 2, 10))
    start = substitute(symbolic, values)
    if slip == "calculation":
        weights = slip_weights(rng, start)
        pieces = reductions(start, rng, rng.choices(range(len(weights)), weights)[0])
    else:
        pieces = reductions(start)
    if slip == "bracket" and len(pieces) > 2:
        spot = rng.randrange(1, len(pieces) - 1)
        pieces[spot] = lost_bracket(rng, pieces[spot])
    if slip == "later copy" and len(pieces) > 2:
        spot = rng.randrange(1, len(pieces) - 1)
        pieces = pieces[:spot] + reductions(copy_slip(rng, pieces[spot]))
    lines.append(f"Then, the final equation is {symbolic} = " + " = ".join(pieces) + ".")
    answer = int(pieces[-1])
    if "answer" in slips:
        answer = wrong_value(rng, INNERMOST.fullmatch(f"({answer} + 0)"))
    lines = [f"({number}) {line}" for number, line in enumerate(lines, 1)]
    return lines + [f"(Final response) So the answer is {answer}."]


def copy_operator(rng, symbolic):
    spots = list(re.finditer(r" [+*-] ", symbolic))
    spot = rng.choice(spots)
    others = [operator for operator in OPERATORS if operator != spot[0].strip()]
    return symbolic[: spot.start()] + f" {rng.choice(others)} " + symbolic[spot.end() :]


def random_slips(rng, text):
    count = len(GROUP.findall(text))
    slips = []
    for _ in range(2 if rng.random() < 0.25 else 1):
        kind = rng.random()
        if kind < 0.36:
            slips.append((rng.randrange(count), "calculation"))
        elif kind < 0.54:
            slips.append(("final", "calculation"))
        elif kind < 0.61:
            slips.append((rng.randrange(count), rng.choice(("copy", "later copy", "later copy"))))
        elif kind < 0.67:
            slips.append((rng.randrange(count), "group"))
        elif kind < 0.83:
            slips.append(("partition", rng.choice(("symbol", "group", "group"))))
        elif kind < 0.86:
            slips.append((rng.choice(list(range(count)) + ["final"]), "bracket"))
        elif kind < 0.91:
            slips.append(("final", "substitution"))
        elif kind < 0.93:
            slips.append(("final", rng.choice(("symbol", "later copy"))))
        elif kind < 0.94:
            slips.append((rng.randrange(count), "missing"))
        else:
            slips.append(("answer", "wrong"))
    return slips


# Feedback (the scripted module of the specification, strict variant)


def feedback(text, lines):
    """The feedback line for a solution of the question `text`, without `Feedback: `."""
    total = evaluate(text)
    groups, values = {}, {}
    for spot, line in enumerate(lines):
        label = line[1 : line.index(")")]
        error = line_error(line, text, total, groups, values, lines[spot - 1])
        if error:
            part, reason = error
            before = "" if spot == 0 else "Step (1) is correct. " if spot == 1 else f"Step (1) to ({spot}) are correct. "
            return f'{before}In step ({label}) the part " {part} " is incorrect. This is because {reason}.'
    return f"Step (1) to step ({len(lines) - 1}) are correct. The final response is also correct."


def line_error(line, text, total, groups, values, before):
    if "can be written as" in line:
        groups.update(re.findall(r"([A-Z]) = (\([^a-zA-Z]+\))", line))
        written = re.search('can be written as "(.*)"', line)[1]
        if evaluate(substitute(written, groups)) != total:
            return line[4:], f"it is not consistent with the original equation: {text[1:-1]}"
        return None
    if "Let's calculate" in line:
        letter, rest = re.search(r"calculate ([A-Z]) = (.*)\.$", line).groups()
        pieces = rest.split(" = ")
        first = evaluate(pieces[0])
        if first is not None and first != evaluate(groups[letter]):
            return pieces[0], "it is not consistent with step (1)"
        values.setdefault(letter, pieces[-1])
        return chain_error(pieces)
    if "the final equation is" in line:
        symbolic, number, *rest = re.search(r"final equation is (.*)\.$", line)[1].split(" = ")
        missing = [letter for letter in re.findall("[A-Z]", symbolic) if letter not in values]
        if missing:
            return f"{symbolic} = {number}", f"{missing[0]} has not been calculated in previous steps"
        if evaluate(number) is None:
            return number, invalid(number)
        value = evaluate(substitute(symbolic, values))
        if value != evaluate(number):
            return f"{symbolic} = {number}", "this substitution is incosistent with the results in the previous steps"
        if value != total:
            return symbolic, "this equation is inconsistent with the question statement"
        return chain_error([number] + rest)
    answer = re.search(r"the answer is (-?\d+)\.", line)[1]
    if answer != NUMBER.findall(before)[-1]:
        label = before[1 : before.index(")")]
        return f"the answer is {answer}.", f"this answer is inconsistent with the result in step ({label})"
    return None


def invalid(piece):
    if piece.count("(") != piece.count(")"):
        return "it is an invalid equation as the number of left and right brackets do not match"
    return "it is an invalid equation"


def chain_error(pieces):
    for left, right in zip(pieces, pieces[1:]):
        for piece in (left, right):
            if evaluate(piece) is None:
                return piece, invalid(piece)
        if evaluate(left) != evaluate(right):
            return f"{left} = {right}", f"there is an calculation error, since {left} is not equal to {right}"
    return None


# What is wrong where


def judgements(document):
    """Pieces of calculations, and whether each is wrong given what stands before it: {end: (begin, wrong)}.

    A piece ends at a ` = ` or a line end. A consequence of an earlier slip is not wrong.
    """
    found, start, total, groups, values, last = {}, 0, None, {}, {}, None
    for line in document.split("\n"):
        end = start + len(line)
        if line.startswith("Q: "):
            question_text = line[3:-2]
            total = evaluate(question_text)
        elif line.startswith(LEAD) or line.startswith("Updated"):
            groups, values = {}, {}
        elif "can be written as" in line:
            written = re.findall(r"([A-Z]) = (\([^a-zA-Z]+\))", line)
            groups.update(written)
            symbolic = re.search('can be written as "(.*)"', line)[1]
            is_wrong = evaluate(substitute(symbolic, groups)) != total
            # The symbolic equation ends at the first ` = `, a group at the next or at the line's end.
            true_symbolic, true_groups = partition(question_text)
            begins = [start] + [start + match.end() for match in re.finditer(" = ", line)]
            ends = [begin - 3 for begin in begins[1:]] + [end]
            copies = [symbolic == true_symbolic] + [own == true for (_, own), true in zip(written, true_groups)]
            for begin, spot, is_copy in zip(begins, ends, copies):
                found[spot] = begin, is_wrong and not is_copy
        elif "the answer is" in line:
            found[end] = start, int(re.search(r"the answer is (-?\d+)\.", line)[1]) != last
        elif line.startswith("(") and " = " in line:
            head, *pieces = line[:-1].split(" = ")
            if head.startswith("(") and evaluate(head) is not None:
                expected = evaluate(head)
            elif "calculate" in head:
                expected = evaluate(groups[head[-1]])
            else:
                symbolic = head[head.index("is ") + 3 :]
                found[start + len(head)] = start, evaluate(substitute(symbolic, groups)) != total
                expected = evaluate(substitute(symbolic, {letter: values.get(letter, "?") for letter in groups}))
            spot = start + len(head)
            for piece in pieces:
                begin, spot = spot + 3, spot + 3 + len(piece)
                value = evaluate(piece)
                found[spot if spot + 1 < end else end] = begin, value != expected
                expected = expected if value is None else value
            last = expected
            if "calculate" in head:
                values[head[-1]] = last
        start = end + 1
    return found


# Documents


def random_cell(rng):
    cells = SIMPLE_CELLS if rng.simple else CELLS
    return rng.choices(list(cells), list(cells.values()))[0]


def operation(rng):
    """One operation `(a + b)` with operands as they occur in solutions."""
    kind = rng.random() * (0.45 if rng.simple else 1)
    if kind < 0.25:
        left, right = rng.randint(-9, 9), rng.randint(-9, 9)
    elif kind < 0.45:
        left, right = rng.randint(-99, 99), rng.randint(-9, 9)
        if rng.random() < 0.5:
            left, right = right, left
    elif kind < 0.55:
        size = rng.choice((99, 99, 300, 999))
        left, right = rng.randint(-size, size), rng.randint(-size, size)
        return f"({left} {rng.choice('+-')} {right})"
    else:
        text = expression(rng, rng.choice((3, 3, 4, 4, 5)), rng.choice(((2,), (2,), (2, 2))))
        symbolic, groups = partition(text)
        start = substitute(symbolic, {l: evaluate(g) for l, g in zip(LETTERS, groups)})
        found = [match for piece in reductions(start) for match in INNERMOST.finditer(piece)]
        return rng.choice(found)[0]
    return f"({left} {rng.choice(OPERATORS)} {right})"


def facts(rng):
    lines = []
    for _ in range(rng.randint(6, 14)):
        text = operation(rng)
        match = INNERMOST.fullmatch(text)
        value = apply(int(match[1]), match[2], int(match[3]))
        if rng.random() < 0.7:
            lines.append(f"{text} = {wrong_value(rng, match) if rng.random() < 0.35 else value}.")
        elif rng.random() < 0.4:
            lines.append(f"{text} is equal to {value}.")
        else:
            wrong = wrong_value(rng, match)
            lines.append(f"{text} is not equal to {wrong}.")
    return "\n".join(lines)


def chains(rng):
    lines = []
    for _ in range(rng.randint(2, 4)):
        text = group(rng, rng.choice((2, 2, 3, 3, 4) if rng.simple else (2, 3, 3, 4, 4, 5, 6)))
        slip = rng.choice((None, None, "calculation", "calculation", "calculation", "copy", "later copy", "bracket"))
        if rng.random() < 0.3:
            start = expression(rng, 3, rng.choice(((2,), (2, 2))))
            symbolic, groups = partition(start)
            start = substitute(symbolic, {l: evaluate(g) for l, g in zip(LETTERS, groups)})
            weights = slip_weights(rng, start)
            spot = rng.choices(range(len(weights)), weights)[0] if slip else None
            pieces, right = reductions(start, rng, spot), reductions(start)
        else:
            pieces, right = chain(rng, text, slip), chain(rng, text)
        lines.append(" = ".join(pieces) + ".")
        error = chain_error(pieces)
        if error:
            lines.append(f'Feedback: The part " {error[0]} " is incorrect. This is because {error[1]}.')
            if rng.slips and rng.random() < 0.6:
                lines += ["Updated:", " = ".join(right) + "."]
        else:
            lines.append("Feedback: It is correct.")
    return "\n".join(lines)


def solved(rng):
    text = question(rng, *random_cell(rng))
    return "\n".join([f"Q: {text} =", LEAD] + solution(text))


def damaged(rng):
    while True:
        text = question(rng, *random_cell(rng))
        lines = solution(text, rng, random_slips(rng, text))
        verdict = feedback(text, lines)
        if "is incorrect" in verdict:
            return text, [f"Q: {text} =", LEAD] + lines + ["Feedback: " + verdict]


def checked(rng):
    if rng.random() < 0.55:
        return "\n".join(damaged(rng)[1])
    text = question(rng, *random_cell(rng))
    lines = solution(text)
    return "\n".join([f"Q: {text} =", LEAD] + lines + ["Feedback: " + feedback(text, lines)])


def updated(rng):
    text, lines = damaged(rng)
    lines += ["Updated " + LEAD] + solution(text)
    if rng.random() < 0.2:
        lines.append("Feedback: " + feedback(text, solution(text)))
    return "\n".join(lines)


def own_checked(rng):
    """An attempt of the model itself, as often right as it is."""
    right, wrong = rng.attempts
    spot = rng.randrange(len(right) + len(wrong))
    return own_text(wrong[spot] if spot < len(wrong) else right[spot - len(wrong)])


def own_updated(rng):
    row = rng.choice(rng.attempts[1])
    update = solution(row["question"])
    lines = [own_text(row), "Updated " + LEAD, *update]
    if rng.random() < 0.3:
        lines.append("Feedback: " + feedback(row["question"], update))
    return "\n".join(lines)


def own_text(row):
    return "\n".join([f"Q: {row['question']} =", LEAD, *row["lines"], "Feedback: " + row["feedback"]])


MAKERS = {
    "facts": facts, "chains": chains, "solution": solved, "checked": checked, "updated": updated,
    "own checked": own_checked, "own updated": own_updated,
}  # fmt: skip


class Source(random.Random):
    """A stream of random numbers that knows whether simple texts are wanted, the model's own attempts (right, wrong), and
    its wrong results of single operations."""

    simple = False
    attempts = ([], [])
    slips = {}


def documents(seed, encode, simple=False, shares=None, attempts=([], []), slips={}, others={}):
    """Endless (kind, text, ids); at every moment the kind that lacks most of its share comes next.

    `others`: more kinds, each with its share of all tokens and its texts.
    """
    rng = Source(seed)
    rng.simple, rng.attempts, rng.slips = simple, attempts, slips
    left = 1 - sum(share for share, _ in others.values())
    shares = {name: left * share for name, share in (shares or (SIMPLE_SHARES if simple else SHARES)).items()}
    shares |= {name: share for name, (share, _) in others.items()}
    # A random beginning, so that the kind of a text cannot be told from its place in a row.
    used = {name: 2000 * share * rng.random() for name, share in shares.items()}
    while True:
        kind = min(used, key=lambda name: used[name] / shares[name])
        text = MAKERS[kind](rng) if kind in MAKERS else rng.choice(others[kind][1])
        ids = encode(text)
        used[kind] += len(ids)
        yield kind, text, ids


# Self-test


def self_test():
    text = "((3 + -4 * 2 - 1) * (8 - 5 + -6 * 2))"
    right = solution(text)
    assert right[1] == "(2) Let's calculate A = (3 + -4 * 2 - 1) = ((3 + (-4 * 2)) - 1) = ((3 + -8) - 1) = (-5 - 1) = -6."
    assert right[3] == "(4) Then, the final equation is (A * B) = (-6 * -9) = 54."
    assert feedback(text, right) == "Step (1) to step (4) are correct. The final response is also correct."

    def change(line, old, new):
        assert old in right[line]
        return feedback(text, right[:line] + [right[line].replace(old, new)] + right[line + 1 :])

    assert change(1, "-6.", "-4.") == (
        'Step (1) is correct. In step (2) the part " (-5 - 1) = -4 " is incorrect. This is because '
        "there is an calculation error, since (-5 - 1) is not equal to -4."
    )
    assert change(0, "5 + -6", "5 + 6") == (
        'In step (1) the part " This equation can be written as "(A * B)", where A = (3 + -4 * 2 - 1) and '
        'B = (8 - 5 + 6 * 2). " is incorrect. This is because it is not consistent with the original '
        "equation: (3 + -4 * 2 - 1) * (8 - 5 + -6 * 2)."
    )
    assert change(2, "(3 + (-6 * 2))", "(3 + (-6 * 2)") == (
        'Step (1) to (2) are correct. In step (3) the part " (3 + (-6 * 2) " is incorrect. This is because it '
        "is an invalid equation as the number of left and right brackets do not match."
    )
    assert change(3, "(-6 * -9)", "(-6 * 9)").endswith(
        'In step (4) the part " (A * B) = (-6 * 9) " is incorrect. This is because this substitution is '
        "incosistent with the results in the previous steps."
    )
    assert change(4, "54", "45") == (
        'Step (1) to (4) are correct. In step (Final response) the part " the answer is 45. " is incorrect. '
        "This is because this answer is inconsistent with the result in step (4)."
    )
    assert change(1, "= (3 + -4 * 2 - 1)", "= (3 + 4 * 2 - 1)") == (
        'Step (1) is correct. In step (2) the part " (3 + 4 * 2 - 1) " is incorrect. This is because it is '
        "not consistent with step (1)."
    )
    three = "(((2 * 3 - 4) + (5 - 7 * 1)) - ((6 + -2 * 2) * (1 - -3 + 0)))"
    assert solution(three)[5].endswith("((A + B) - (C * D)) = ((2 + -2) - (2 * 4)) = (0 - (2 * 4)) = (0 - 8) = -8.")

    counts = {}
    stream = documents(7, str.encode)
    for _ in range(20000):
        kind, document, _ = next(stream)
        counts[kind] = counts.get(kind, 0) + 1
        asked = re.findall(r"Q: (.*) =", document)
        assert len(asked) == (kind in ("solution", "checked", "updated"))
        for found in asked + questions_in(document):
            assert not is_reserved(found), found
        if kind in ("checked", "updated"):
            check_judgements(document)
    print("self-test passed", counts)


def check_judgements(document):
    """The first piece judged wrong lies in the line that the feedback names; there is none in a right solution."""
    wrong = [spot for spot, (_, is_wrong) in sorted(judgements(document).items()) if is_wrong]
    told = document.index("Feedback: ")
    named = re.match(r"Feedback: .*?In step \((.*?)\)", document[told:])
    if not named:
        assert not wrong or wrong[0] > told, document
        return
    line = document[document.rindex("\n", 0, wrong[0]) + 1 : wrong[0]]
    assert line.startswith(f"({named[1]})"), (document, line)


if __name__ == "__main__":
    self_test()
