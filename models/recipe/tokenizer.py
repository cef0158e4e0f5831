"""The vocabulary: SentencePiece BPE with byte fallback, single digits, identity normalisation.

Pieces are learnt from the words of the generated texts only, and may span words. Digits, brackets,
operators, names of groups and line ends stay apart, so that an expression is cut the same way wherever
it stands: ` + `, ` - `, ` * ` and ` = ` with both blanks are one piece each, a sign is always `-` alone.
"""

import random
import re
import sys
from collections import Counter
from itertools import islice

import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2 as protobuf

import corpus
import runs

SIZE = 640
LONGEST = 48  # characters of a piece
BLANK = "\u2581"
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # the types of SentencePiece, and of GGUF
OPERATORS = [sign + BLANK for sign in "=-+*"] + [BLANK + sign + BLANK for sign in "=-+*"]
# What a piece may be made of: words with blanks, commas and full stops; or a word and its colon.
WORDS = re.compile(r"(?:Updated Answer|Answer|Feedback|Q):|(?:(?!\b[A-Z]\b)[A-Za-z' ,.])+")


def merges(spans, found, most, often=1, having="."):
    """Adds to `found` the most frequent neighbours, joined one pair after the other (byte-pair encoding), until it has `most`.

    `spans`: texts and how often they occur, cut by what is found already. A pair occurs `often` and has a character of `having`.
    """
    spans = [(cut(span.replace(" ", BLANK), found), count) for span, count in sorted(spans.items())]
    while len(found) < most:
        pairs = Counter()
        for pieces, count in spans:
            for pair in zip(pieces, pieces[1:]):
                if len(pair[0]) + len(pair[1]) <= LONGEST and re.search(having, "".join(pair)):
                    pairs[pair] += count
        pair = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if pair is None or pairs[pair] < often:
            break
        joined = "".join(pair)
        if joined not in found:
            found.append(joined)
        for pieces, _ in spans:
            join(pieces, pair)


def learn(seed=1, documents=3000):
    """A SentencePiece model as the bytes of a `.model` file."""
    words = Counter()
    for _, text, _ in islice(corpus.documents(seed, str.encode), documents):
        for line in text.split("\n"):
            words.update(WORDS.findall(line))
    single = [BLANK] + [chr(code) for code in range(33, 127)]
    learnt = []
    merges(words, learnt, SIZE - 259 - len(OPERATORS) - len(single))
    return written(OPERATORS + learnt + single)


def written(ranked):
    """A SentencePiece model as the bytes of a `.model` file: control pieces, bytes, and `ranked`, the best first."""
    model = protobuf.ModelProto()
    model.pieces.add(piece="<unk>", score=0, type=UNKNOWN)
    model.pieces.add(piece="<s>", score=0, type=CONTROL)
    model.pieces.add(piece="</s>", score=0, type=CONTROL)
    for byte in range(256):
        model.pieces.add(piece=f"<0x{byte:02X}>", score=0, type=BYTE)
    for rank, piece in enumerate(ranked):
        model.pieces.add(piece=piece, score=-float(rank), type=NORMAL)
    spec = model.trainer_spec
    spec.model_type, spec.vocab_size, spec.byte_fallback, spec.split_digits = 2, len(model.pieces), True, True
    spec.unk_id, spec.bos_id, spec.eos_id, spec.pad_id = 0, 1, 2, -1
    normal = model.normalizer_spec
    normal.name, normal.add_dummy_prefix, normal.remove_extra_whitespaces = "identity", True, False
    normal.escape_whitespaces = True
    return model.SerializeToString()


# Of the vocabulary of all four tasks.
LARGE = 2432
COMMON = 0.25  # share of a task's texts in which a word must be for pieces to span it
OFTEN = 40  # what a piece must occur


def learn_all(tasks, seed=1, documents=4000):
    """A vocabulary for the texts of all tasks, lists of texts; those of arithmetic are made here.

    Words first: a piece is letters alone, so that a word is the same piece wherever it stands. Then runs of words that a quarter
    of a task's texts have, with the blanks and signs between them, but no brackets, digits or names of groups.

    `Feedback:` ends a prompt, so it is a piece of its own whatever follows: else a model never learns how to go on from it.
    """
    arithmetic = [text for _, text, _ in islice(corpus.documents(seed, str.encode), documents)]
    words, phrases = Counter(), Counter()
    for texts in [arithmetic, *tasks]:
        seen = Counter()
        for text in texts:
            seen.update(set(re.findall("[A-Za-z']+", text)))
        common = {word for word, count in seen.items() if len(word) > 1 and count >= COMMON * len(texts)}
        for text in texts:
            words.update(re.findall("[A-Za-z']+", text))
            for line in re.split("\n|(?<=Feedback:)", text):
                run = ""
                for part in re.findall(r"[A-Za-z']+|[^A-Za-z']", line) + ["\n"]:
                    if part in common or part in ' "<=,.:?':
                        run += part
                    else:
                        phrases[run] += len(run) > 1
                        run = ""
    single = [BLANK] + [chr(code) for code in range(33, 127)]
    found = list(OPERATORS)
    room = LARGE - 259 - len(single)
    for spans, most, fixed in ((words, room - 300, ["Feedback:"]), (phrases, room, [])):
        frequent = {span: count for span, count in spans.items() if count >= OFTEN}
        merges(frequent, found, most - len(fixed), OFTEN, having='[a-zA-Z"?]')
        found += fixed
    return written(found + single)


def join(pieces, pair):
    spot = 0
    while spot < len(pieces) - 1:
        if (pieces[spot], pieces[spot + 1]) == pair:
            pieces[spot : spot + 2] = [pieces[spot] + pieces[spot + 1]]
        spot += 1


def cut(text, ranked):
    """A text in pieces, the best-ranked neighbours joined first."""
    pieces = list(text)
    ranks = {piece: rank for rank, piece in enumerate(ranked)}
    while True:
        pairs = [pair for pair in zip(pieces, pieces[1:]) if "".join(pair) in ranks]
        if not pairs:
            return pieces
        join(pieces, min(pairs, key=lambda pair: ranks["".join(pair)]))


def moved(embedding, before, after):
    """The rows of an embedding for another vocabulary.

    A new piece begins as the mean of the old pieces in it and a random part as large: words that begin alike are hard to tell
    apart, and are not copied for long.
    """
    before, after = load(before), load(after)
    ranked = [before.id_to_piece(i) for i in range(259, before.vocab_size())]
    ranked.sort(key=lambda piece: -before.get_score(before.piece_to_id(piece)))
    rows = [embedding[i] for i in range(259)]
    for i in range(259, after.vocab_size()):
        pieces = [before.piece_to_id(piece) for piece in cut(after.id_to_piece(i), ranked)]
        row = embedding[pieces].mean(0)
        known = len(pieces) == 1
        rows.append(row if known else row + torch.randn_like(row) * row.norm() / len(row) ** 0.5)
    return torch.stack(rows)


def load(data):
    return sentencepiece.SentencePieceProcessor(model_proto=data)


def merge(processor, text):
    """The ids as a reader of the GGUF file computes them: best-scored neighbours first, leftmost on a tie."""
    pieces = list(BLANK + text.replace(" ", BLANK)) if text else []
    while True:
        best = None
        for spot, pair in enumerate(zip(pieces, pieces[1:])):
            token = processor.piece_to_id("".join(pair))
            if token != processor.unk_id():
                score = processor.get_score(token)
                if best is None or score > best[0]:
                    best = (score, spot)
        if best is None:
            break
        spot = best[1]
        pieces[spot : spot + 2] = [pieces[spot] + pieces[spot + 1]]
    ids = []
    for piece in pieces:
        token = processor.piece_to_id(piece)
        if token != processor.unk_id():
            ids.append(token)
        else:
            ids += [processor.piece_to_id(f"<0x{byte:02X}>") for byte in piece.encode()]
    return ids


def self_test():
    processor = load(learn())
    print(processor.vocab_size(), [processor.id_to_piece(i) for i in range(259, processor.vocab_size())])
    lengths = {}
    for number, (kind, text, _) in enumerate(islice(corpus.documents(2, str.encode), 2000)):
        ids = processor.encode(text)
        lengths.setdefault(kind, []).append(len(ids))
        assert processor.decode(ids) == text
        if number < 100:
            assert ids == merge(processor, text), text
    for kind, found in lengths.items():
        print(kind, "documents", len(found), "mean", sum(found) // len(found), "longest", max(found))
    for text in ["Zażółć 漢字\t x=3\n\n  two", "((3 + -4 * 2 - 1) * (8 - 5 + -6 * 2))", " - -", "a  +  b"]:
        assert processor.encode(text) == merge(processor, text)
        assert processor.decode(processor.encode(text)) == text
        print(processor.encode_as_pieces(text))
    print(processor.encode_as_pieces("\n".join(["Q: ((3 - 4) * (2 - -1)) =", corpus.LEAD] + corpus.solution("((3 - 4) * (2 - -1))")) + "\nFeedback:"))


if __name__ == "__main__":
    # `python tokenizer.py OUT FILE...` learns one vocabulary for arithmetic and the tasks whose texts are in the files.
    if len(sys.argv) > 2:
        with open(sys.argv[1], "wb") as file:
            file.write(learn_all([random.Random(1).sample(runs.load(path), 4000) for path in sys.argv[2:]]))
    else:
        self_test()
