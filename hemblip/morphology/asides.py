"""Parts of a sentence that say nothing of the cell: what is not abnormal, what others lack, what it could be too."""

import re
from itertools import accumulate

_TYPE = r"(?:[a-z]*(?:cyte|blast|phil)|granulocyte|leukocyte|cell)"
_OTHERS = (
    r"(?:(?:an? |most |other |any )?(?:normal |mature |healthy |typical |resting |ordinary |benign |classic |other )*"
    rf"{_TYPE}s|(?:an?|any) (?:\w+ ){{0,2}}{_TYPE}|(?:normal|mature|healthy) {_TYPE})\b"
)
_FEATURE = r"(?:an? |this )?(?:feature|finding|sign|change|characteristic|trait|property|appearance) |(?:which|that) "
_REST = r".*?(?= ;| \.$| but\b| however\b| , (?:and |with |which |while |yet )?(?:the|its|it|this)\b|$)"
_UNREMARKABLE = (
    "abnormal|abnormality|abnormalities|abnormally|toxic|atypical|unusual|dysplastic|dysplasia|aberrant|pathological"
    "|full|complete"
)

_ASIDES = re.compile(
    # "without abnormal granules", "no abnormalities in size or granularity", "lacks full granule development"
    r"\b(?:no|without|lacks?|lacking|none of)(?: the| any| evidence of| signs? of| visible| obvious| clear| significant"
    rf"| definite| apparent| overt| other)* (?:{_UNREMARKABLE})\b{_REST}"
    # "a feature not typically seen in normal monocytes", "which is not expected in a mature lymphocyte"
    rf"|(?:, )?(?:{_FEATURE})?(?:(?:that|which|is|are) )*\b(?:not|never|rarely|seldom|unusual|uncommon|unexpected"
    rf"|atypical)"
    rf"(?:(?: \w+){{0,3}}? (?:in|for|among)|(?: \w+)? (?:feature|typical|characteristic"
    rf"|representative) of) {_OTHERS}[^,;.]*"
    # "which normal lymphocytes do not have"
    rf"|(?:, )?(?:{_FEATURE})+{_OTHERS} (?:(?:do|does) not (?:have|show|contain|possess)|(?:usually )?lacks?)\b"
    # "it could also be a promonocyte", "with or without vacuoles"
    r"|\b(?:could|may|might|can) (?:also|alternatively|instead|equally) be\b[^.;]*"
    r"|\bwith or without\b[^.,;]*"
)


def aside_places(tokens: tuple[str, ...]) -> frozenset[int]:
    """The places of the tokens of `tokens` that stand in an aside."""
    text = " ".join(tokens)
    spans = [match.span() for match in _ASIDES.finditer(text)]
    if not spans:
        return frozenset()
    starts = accumulate((len(token) + 1 for token in tokens[:-1]), initial=0)
    return frozenset(place for place, start in enumerate(starts) if any(first <= start < last for first, last in spans))
