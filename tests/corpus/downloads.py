"""Sources that read the fixture `downloads`."""

from hemblip.data.sources import LeukemiaAttri, WBCAtt


def sources():
    """Both halves of the paper's data."""
    return [WBCAtt("WBCAtt"), LeukemiaAttri("LeukemiaAttri", context=0)]


def low_cost():
    """Its external cells."""
    return [LeukemiaAttri("LeukemiaAttri", "L_100X_C2", context=0)]
