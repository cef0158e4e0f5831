"""The vocabulary: SentencePiece BPE with byte fallback, single digits, identity normalisation.

Pieces are learnt from the words of the generated texts only, and may span words. Digits, brackets,
operators, names of groups and line ends stay apart, so that an expression is cut the same way wherever
it stands: ` + `, ` - `, ` * ` and ` = ` with both blanks are one piece each, a sign is always `-` alone.
"""

import re
from collections import Counter
from itertools import islice

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as protobuf

import corpus

SIZE = 640
LONGEST = 48  # characters of a piece
BLANK = "\u2581"
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # the types of SentencePiece, and of GGUF
OPERATORS = [sign + BLANK for sign in "=-+*"] + [BLANK + sign + BLANK for sign in "=-+*"]
# What a piece may be made of: words with blanks, commas and full stops; or a word and its colon.
WORDS = re.compile(r"(?:Updated Answer|Answer|Feedback|Q):|(?:(?!\b[A-Z]\b)[A-Za-z' ,.])+")


def merges(words, count):
    """The most frequent neighbours, joined one pair after the other (byte-pair encoding)."""
    words = [(list(word.replace(" ", BLANK)), weight) for word, weight in sorted(words.items())]
    found = []
    while len(found) < count:
        pairs = Counter()
        for pieces, weight in words:
            for pair in zip(pieces, pieces[1:]):
                if len(pair[0]) + len(pair[1]) <= LONGEST:
                    pairs[pair] += weight
        pair = min(pairs, key=lambda pair: (-pairs[pair], pair))
        joined = "".join(pair)
        found.append(joined)
        for pieces, _ in words:
            for spot in range(len(pieces) - 2, -1, -1):
                if tuple(pieces[spot : spot + 2]) == pair:
                    pieces[spot : spot + 2] = [joined]
    return found


def learn(seed=1, documents=3000):
    """A SentencePiece model as the bytes of a `.model` file."""
    words = Counter()
    for _, text, _ in islice(corpus.documents(seed, str.encode), documents):
        for line in text.split("\n"):
            words.update(WORDS.findall(line))
    single = [BLANK] + [chr(code) for code in range(33, 127)]
    model = protobuf.ModelProto()
    model.pieces.add(piece="<unk>", score=0, type=UNKNOWN)
    model.pieces.add(piece="<s>", score=0, type=CONTROL)
    model.pieces.add(piece="</s>", score=0, type=CONTROL)
    for byte in range(256):
        model.pieces.add(piece=f"<0x{byte:02X}>", score=0, type=BYTE)
    learnt = merges(words, SIZE - len(model.pieces) - len(OPERATORS) - len(single))
    for rank, piece in enumerate(OPERATORS + learnt + single):
        model.pieces.add(piece=piece, score=-float(rank), type=NORMAL)
    spec = model.trainer_spec
    spec.model_type, spec.vocab_size, spec.byte_fallback, spec.split_digits = 2, SIZE, True, True
    spec.unk_id, spec.bos_id, spec.eos_id, spec.pad_id = 0, 1, 2, -1
    normal = model.normalizer_spec
    normal.name, normal.add_dummy_prefix, normal.remove_extra_whitespaces = "identity", True, False
    normal.escape_whitespaces = True
    return model.SerializeToString()


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


if __name__ == "__main__":
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
