"""Values read back from the database's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.assessment import Assessment, Reason
from schemas.vocabulary import DataClass, Domain, Stakes


def assessment_from(stored: Mapping[str, Any]) -> Assessment:
    """The assessment that ``Assessment.as_json`` wrote."""
    return Assessment(
        stakes=Stakes(stored["stakes"]),
        p_high=stored["p_high"],
        p_low=stored["p_low"],
        complexity=stored["complexity"],
        domain=Domain(stored["domain"]),
        data_class=DataClass(stored["data_class"]),
        reasons=tuple(Reason(r["code"], r["axis"], r["says"]) for r in stored["reasons"]),
        assessor=stored["assessor"],
    )
