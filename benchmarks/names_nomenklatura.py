"""The peer: nomenklatura's logic-v2 on the pairs it is handed, in a process and an environment of its own.

Run by :mod:`benchmarks.screening_names` with the Python that has nomenklatura; imports nothing of ours. Standard input
has ``[[schema, [name, birth, country], [name, birth, country]], …]`` as JSON, standard output the scores.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def main() -> None:
    """Score the pairs on standard input; first with all facts, then with names alone."""
    from followthemoney import model  # type: ignore[import-not-found]
    from nomenklatura.matching import get_algorithm  # type: ignore[import-not-found]
    from nomenklatura.matching.types import ScoringConfig  # type: ignore[import-not-found]

    algorithm = get_algorithm("logic-v2")
    config = ScoringConfig.defaults() if hasattr(ScoringConfig, "defaults") else algorithm.default_config()
    given: list[Any] = json.load(sys.stdin)

    def entity(number: str, schema: str, name: str, birth: str, country: str) -> Any:
        # Each side has an identifier of its own: the algorithm remembers what it did by identifier.
        properties: dict[str, list[str]] = {"name": [name]}
        if birth:
            properties["birthDate"] = [birth]
        if country:
            properties["nationality" if schema == "Person" else "country"] = [country.lower()]
        return model.get_proxy({"id": number, "schema": schema, "properties": properties}, cleaned=False)

    found: dict[str, Any] = {}
    for kind in ("facts", "names"):
        began, scores = time.process_time(), []
        for at, (schema, one, other) in enumerate(given):
            sides = [entity(f"{kind}-{at}-{side}", schema, who[0], *(who[1:] if kind == "facts" else ("", "")))
                     for side, who in enumerate((one, other))]  # fmt: skip
            scores.append(float(algorithm.compare(sides[0], sides[1], config).score))
        found[kind] = scores
        found[f"{kind}-seconds"] = time.process_time() - began
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
