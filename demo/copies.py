"""Near duplicates: a review posted again with a word or the punctuation changed."""

from demo.defects import Record
from demo.vocabulary import Language


def near_duplicate(original: Record, own: Record, language: Language, variant: int) -> Record:
    """The original with a slightly different text, at the time of the line it replaces.

    Args:
        original: The review that is copied.
        own: The review that would have stood here; gives the time and the votes, and the author
            where somebody else copies the text.
        language: Language of the original.
        variant: Selects author, edit and word: the author stays where it is odd.
    """
    author = original if variant % 2 else own
    return original | {
        "user_id": author["user_id"],
        "timestamp": own["timestamp"],
        "helpful_vote": own["helpful_vote"],
        "text": edited(original["text"], language, variant // 2),
    }


def edited(text: str, language: Language, variant: int) -> str:
    """The text with one word added in front or inside, one word replaced, or other punctuation.

    >>> from demo.english import ENGLISH
    >>> [edited("The lid is nice.", ENGLISH, variant) for variant in range(4)]
    ['Well, the lid is nice.', 'The lid well is nice.', 'The lid well nice.', 'The lid is nice!!']
    """
    words = text.split(" ")
    middle = len(words) // 2
    # A filler that stands there already would replace itself and change nothing.
    fillers = [filler for filler in language.fillers if filler != words[middle]]
    filler = fillers[variant // 4 % len(fillers)]
    match variant % 4:
        case 0:
            return f"{filler[0].upper()}{filler[1:]}, {text[0].lower()}{text[1:]}"
        case 1:
            return " ".join([*words[:middle], filler, *words[middle:]])
        case 2:
            return " ".join([*words[:middle], filler, *words[middle + 1 :]])
        case _:
            return text.rstrip(".!") + "!!"
