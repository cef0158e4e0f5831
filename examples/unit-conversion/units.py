"""What the questions and their solutions are made of: units of a kind, each so many of the next smaller one."""
from fractions import Fraction

CHAINS = [
    [("weeks", 7), ("days", 24), ("hours", 60), ("minutes", 60), ("seconds", None)],
    [("kilometres", 1000), ("metres", 100), ("centimetres", 10), ("millimetres", None)],
    [("tonnes", 1000), ("kilograms", 1000), ("grams", None)],
    [("gallons", 4), ("quarts", 2), ("pints", 2), ("cups", None)],
    [("miles", 1760), ("yards", 3), ("feet", 12), ("inches", None)],
]


def written(number):
    """A number as the solutions write it: 350, or 0.25 where it is no whole one."""
    number = Fraction(number)
    return str(number.numerator) if number.denominator == 1 else str(float(number))


def steps(number, start, end):
    """The lines of a solution, one for each unit on the way, then the final one."""
    chain = next(c for c in CHAINS if start in [name for name, _ in c] and end in [name for name, _ in c])
    names = [name for name, _ in chain]
    lines = []
    for place in range(names.index(start), names.index(end)):
        factor = chain[place][1]
        result = number * factor
        lines.append(
            f"({len(lines) + 1}) {written(number)} {names[place]} are {written(number)} * {factor} = "
            f"{written(result)} {names[place + 1]}.")
        number = result
    return lines + [f"(Final response) So the answer is {written(number)}."]
