"""Several sources as one manifest."""

from collections.abc import Iterable, Sequence

import pandas as pd

from hemblip.data.sources import Source
from hemblip.errors import ConfigError, DataError


def read_sources(sources: Sequence[Source], setting: str = "sources") -> pd.DataFrame:
    """Read sources one after the other.

    Args:
        sources: at least one.
        setting: where they are configured, named in errors.

    Raises:
        ConfigError: there is no source.
        DataError: a source cannot be read, or two give the same cell.
    """
    if not sources:
        raise ConfigError(f"{setting} is empty; name at least one source")
    manifest = pd.concat([source.records() for source in sources], ignore_index=True)
    repeated = manifest.loc[manifest["cell_id"].duplicated(), "cell_id"]
    if len(repeated):
        raise DataError(f"cell id '{repeated.iloc[0]}' comes from two sources; name each source once")
    return manifest


def exclusion_lines(sources: Iterable[Source]) -> list[str]:
    """One line a source that left entries out when it was read, with its reasons and their counts."""
    return [
        f"{source.name}: {len(source.excluded)} entries left out: {source.exclusions()}"
        for source in sources
        if source.excluded
    ]
