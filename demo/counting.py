"""Counts what a plan planted."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from demo.defects import DEFECTS, HTML_ENTITIES, MOJIBAKE, NEAR_DUPLICATE, Outcome
from demo.drift import DRIFTED, STABLE, Period, first_drifted_month
from demo.months import Month
from demo.phrases import LANGUAGES
from demo.plan import DefectPlan
from demo.products import catalogue
from demo.sentiment import Integers
from demo.truth import PlantedDrift, PlantedFile, PlantedTruth
from demo.vocabulary import LINES, NEW_LINE


def planted_truth(
    plan: DefectPlan,
    languages: Integers,
    calendar: Sequence[Month],
    *,
    bounds: Integers,
    best_hits: Sequence[float],
) -> PlantedTruth:
    """The truth about written files.

    Args:
        plan: The defect of each line.
        languages: The language number of each line, shape (rows,).
        calendar: The months, one a file.
        bounds: Month i holds the lines bounds[i] to bounds[i + 1] - 1, shape (months + 1,).
        best_hits: Expected hits of the best possible model in each month, out of all its lines.
    """
    outcomes = plan.outcomes()
    slices = [slice(*pair) for pair in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
    total = _counted(outcomes)
    defects = plan.counts()
    by_rule: Counter[str] = Counter()
    for kind in DEFECTS:
        if kind.rule is not None:
            by_rule[kind.rule] += defects[kind.name]
    clean_languages = np.bincount(languages[outcomes == Outcome.CLEAN], minlength=len(LANGUAGES))
    return PlantedTruth(
        lines=total.lines,
        rejected=total.rejected,
        quarantined=total.quarantined,
        quarantined_by_rule=dict(by_rule),
        exact_duplicates=total.exact_duplicates,
        near_duplicates=defects[NEAR_DUPLICATE.name],
        html_entities=defects[HTML_ENTITIES.name],
        mojibake=defects[MOJIBAKE.name],
        clean=total.clean,
        defects=defects,
        languages={
            language.code: int(count)
            for language, count in zip(LANGUAGES, clean_languages, strict=True)
        },
        files={
            month.file_name: _counted(outcomes[lines])
            for month, lines in zip(calendar, slices, strict=True)
        },
        best_accuracy=sum(best_hits) / total.lines,
        best_accuracy_by_month={
            month.name: hits / (lines.stop - lines.start)
            for month, hits, lines in zip(calendar, best_hits, slices, strict=True)
        },
        drift=_planted_drift(calendar),
    )


def _counted(outcomes: np.ndarray[tuple[int], np.dtype[np.str_]]) -> PlantedFile:
    counts = Counter(outcomes.tolist())
    return PlantedFile(
        lines=len(outcomes),
        rejected=counts[Outcome.REJECTED],
        quarantined=counts[Outcome.QUARANTINED],
        exact_duplicates=counts[Outcome.DUPLICATE],
        clean=counts[Outcome.CLEAN],
    )


def _planted_drift(calendar: Sequence[Month]) -> PlantedDrift | None:
    first = first_drifted_month(len(calendar))
    if first is None:
        return None
    line = LINES.index(NEW_LINE)
    return PlantedDrift(
        first_month=calendar[first].name,
        product_line=NEW_LINE,
        product_line_share=DRIFTED.lines[line],
        parent_asins=tuple(sorted(set(catalogue().parent_asins[line].tolist()))),
        languages_before=_language_shares(STABLE),
        languages_after=_language_shares(DRIFTED),
        phrases_before=_mean_phrases(STABLE),
        phrases_after=_mean_phrases(DRIFTED),
    )


def _language_shares(period: Period) -> dict[str, float]:
    codes = [language.code for language in LANGUAGES]
    return dict(zip(codes, period.languages, strict=True))


def _mean_phrases(period: Period) -> float:
    return sum(max(count, 1) * share for count, share in enumerate(period.sentences))
