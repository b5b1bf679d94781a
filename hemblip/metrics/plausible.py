"""Values that border on each other, so that confusing them is biologically plausible (an interim, short table)."""

_PAIRS = {
    ("chromatin", "coarse", "open"),
    ("cell_size", "small", "medium"),
    ("cell_size", "medium", "large"),
    ("nucleus_shape", "unsegmented-band", "unsegmented-indented"),
    ("cell_type", "myeloblast", "monoblast"),
}


def is_plausible(key: str, truth: str, stated: str) -> bool:
    """Whether two values are neighbours."""
    return (key, truth, stated) in _PAIRS or (key, stated, truth) in _PAIRS
