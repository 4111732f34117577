"""The shipped declarations read answers in the shapes of the real services."""

import json
import re
import tempfile
from pathlib import Path

import duckdb
import pytest

from lakehouse.feeds.loading import load_feeds
from lakehouse.landing.detection import detect
from lakehouse.landing.readers import stage_file
from lakehouse.sources import load_sources, with_feeds

ROOT = Path(__file__).resolve().parents[4]
_BANXICO = {
    "bmx": {
        "series": [
            {
                "idSerie": "SF43718",
                "titulo": "Tipo de cambio pesos por dólar E.U.A., FIX",
                "datos": [
                    {"fecha": "24/11/2025", "dato": "N/E"},
                    {"fecha": "25/11/2025", "dato": "1,018.4012"},
                ],
            }
        ]
    }
}
_INEGI = {
    "Header": {"Name": "Datos compactos BIE", "Email": "atencion.usuarios@inegi.org.mx"},
    "Series": [
        {
            "INDICADOR": "628194",
            "FREQ": "8",
            "UNIT": "96",
            "LASTUPDATE": "07/11/2025 12:00:00 a. m.",
            "OBSERVATIONS": [
                {"TIME_PERIOD": "2025/10", "OBS_VALUE": "140.78200000", "OBS_STATUS": "3"},
                {"TIME_PERIOD": "2025/09", "OBS_VALUE": None, "OBS_STATUS": "3"},
            ],
        }
    ],
}
_ECB = """\
KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS,TITLE
EXR.D.MXN.EUR.SP00.A,D,MXN,EUR,SP00,A,2025-11-25,21.2841,A,"Mexican peso/Euro, 2:15 pm (C.E.T.)"
EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2025-11-25,1.1551,A,"US dollar/Euro, 2:15 pm (C.E.T.)"
"""


@pytest.mark.parametrize(
    ("name", "answer", "rows"),
    [
        ("banxico_fix", json.dumps(_BANXICO, ensure_ascii=False),
         [("SF43718", "24/11/2025", "N/E"), ("SF43718", "25/11/2025", "1,018.4012")]),
        ("inegi_inpc", json.dumps(_INEGI),
         [("628194", "2025/10", "140.78200000"), ("628194", "2025/09", None)]),
        ("ecb_reference_rates", _ECB,
         [("EXR.D.MXN.EUR.SP00.A", "2025-11-25", "21.2841"),
          ("EXR.D.USD.EUR.SP00.A", "2025-11-25", "1.1551")]),
        ("fred_dexmxus", "observation_date,DEXMXUS\n2025-11-20,18.25\n2025-11-21,\n",
         [("DEXMXUS", "2025-11-20", "18.25"), ("DEXMXUS", "2025-11-21", None)]),
        ("fred_dexmxus", "DATE,DEXMXUS\n1993-11-11,.\n", [("DEXMXUS", "1993-11-11", ".")]),
    ],
)  # fmt: skip
def test_values_stay_as_they_are_published(
    name: str, answer: str, rows: list[tuple[str | None, ...]]
) -> None:
    tables = load_sources(ROOT / "dbt_project")
    feeds = load_feeds(ROOT / "sources", tables).specs
    source = with_feeds(tables, feeds.values())["series_observations"]
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as engine:
        path = Path(folder) / "landed"
        path.write_text(answer)
        detection = detect(path, "x", feeds[name].detected_by)
        staged = stage_file(
            path, detection, source=source, key=f"{name}/x", folder=Path(folder), engine=engine
        )
        files = [str(file) for file in staged.rows]
        query = "select series, date, value from read_parquet($1) order by _line"
        assert engine.execute(query, [files]).fetchall() == rows
    assert staged.columns == ("series", "date", "value")
    assert staged.rejected_lines == 0


def test_every_series_that_models_read_is_asked_for() -> None:
    catalogue = (ROOT / "dbt_project" / "macros" / "series.sql").read_text()
    series = re.findall(r"'series': '(\w+)'", catalogue)
    feeds = load_feeds(ROOT / "sources", load_sources(ROOT / "dbt_project")).specs.values()
    asked = " ".join(str(feed.origin) for feed in feeds if feed.into == "series_observations")
    assert len(series) == 5
    assert [one for one in series if one not in asked] == []
