"""The field that is the texts' language."""

from collections.abc import Sequence

from ml_assets.extraction.mention import Mention


class LanguageMatcher:
    """Tells the language of each text; none where it is too short to tell."""

    def find(self, texts: Sequence[str | None]) -> list[list[Mention]]:
        """One mention, of the whole text, or none."""
        import pyarrow as pa

        from lakehouse.text.language import UNDETERMINED, detect_languages

        found = detect_languages(pa.array(texts, pa.string())).to_pylist()
        return [
            [] if code in (None, UNDETERMINED) else [Mention(code, None, None)] for code in found
        ]
